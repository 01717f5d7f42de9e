// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

// Messages that several fields share.
const (
	byTemplate = "not carried over: podTemplate reaches all that Kubernetes has for pods"
	forDocker  = "not carried over: it is about Docker, and the nodes run containerd or its like"
	byNodes    = "not carried over: it is a setting of the nodes"
	byLabels   = "not carried over: metadata.labels of the stack is for labels, and podTemplate for those of pods"
	byPolicy   = "not carried over: the network of the cluster decides"
	hooks      = "not carried over: an init container or a lifecycle hook can do it, by podTemplate"
	devices    = "not carried over: ask for devices by resources.limits, such as nvidia.com/gpu: 1"
)

// serviceFields are the fields of services, with their messages.
var serviceFields = fields{
	// converted by other steps
	"build": carried, "cap_add": carried, "cap_drop": carried, "command": carried, "configs.source": carried, "configs.target": carried,
	"configs.mode": carried, "container_name": carried, "cpus": carried, "depends_on": carried, "entrypoint": carried, "env_file": carried,
	"environment": carried, "expose": carried, "extends": carried, "extra_hosts": carried, "hostname": carried, "image": carried,
	"links": carried, "mem_limit": carried, "mem_reservation": carried, "platform": carried, "ports": carried, "profiles": carried,
	"pull_policy": carried, "read_only": carried, "restart": carried, "scale": carried, "secrets.source": carried,
	"secrets.target": carried, "secrets.mode": carried, "shm_size": carried, "stdin_open": carried, "stop_grace_period": carried,
	"tmpfs": carried, "tty": carried, "user": carried, "working_dir": carried,
	"provider":    carried, // take returns an error for it
	"healthcheck": carried, // all of its fields: the probe needs no start period
	"deploy.mode": carried, "deploy.replicas": carried, "deploy.restart_policy.condition": carried,
	"deploy.resources.limits.cpus": carried, "deploy.resources.limits.memory": carried,
	"deploy.resources.reservations.cpus": carried, "deploy.resources.reservations.memory": carried,
	"deploy.update_config.parallelism": carried, "deploy.update_config.order": carried,
	"deploy.update_config.failure_action": carried, "deploy.update_config.monitor": carried,
	"networks.*.aliases":     carried,
	"networks.*.priority":    carried, // there is only one network
	"volumes.type":           carried,
	"volumes.source":         carried,
	"volumes.target":         carried,
	"volumes.read_only":      carried,
	"volumes.bind":           carried, // noteBind notes the whole mount
	"volumes.image":          carried, // volume notes the whole mount
	"volumes.consistency":    carried, // Docker ignores it as well
	"volumes.tmpfs.size":     carried,
	"volumes.volume.nocopy":  carried, // nothing is ever copied
	"volumes.volume.subpath": carried,

	// deploy
	"deploy.labels":                                   byLabels,
	"deploy.endpoint_mode":                            "not carried over: a Service has one address for all its pods",
	"deploy.placement":                                "not carried over: set nodeSelector or affinity in podTemplate",
	"deploy.resources.limits.pids":                    byNodes,
	"deploy.resources.limits.devices":                 devices,
	"deploy.resources.limits.generic_resources":       devices,
	"deploy.resources.reservations.devices":           devices,
	"deploy.resources.reservations.generic_resources": devices,
	"deploy.restart_policy.delay":                     "not carried over: Kubernetes waits longer after each exit, up to 5 minutes",
	"deploy.restart_policy.max_attempts":              "not carried over: Kubernetes does not stop restarting",
	"deploy.restart_policy.window":                    "not carried over: minReadySeconds says when a new pod counts as available",
	"deploy.rollback_config":                          "not carried over: a rollback is a rollout like any other",
	"deploy.update_config.delay":                      "not carried over: minReadySeconds is the time between one new pod and the next",
	"deploy.update_config.max_failure_ratio":          "not carried over: a release fails when one of its components does",

	// pods
	"annotations":           "not carried over: set metadata.annotations in podTemplate",
	"dns":                   "not carried over: set dnsConfig in podTemplate",
	"dns_opt":               "not carried over: set dnsConfig in podTemplate",
	"dns_search":            "not carried over: set dnsConfig in podTemplate",
	"domainname":            "not carried over: set subdomain in podTemplate",
	"group_add":             "not carried over: set securityContext.supplementalGroups in podTemplate",
	"init":                  "not carried over: set shareProcessNamespace in podTemplate if the program does not reap its children",
	"ipc":                   "not carried over: set hostIPC in podTemplate if the cluster allows it",
	"labels":                byLabels,
	"label_file":            byLabels,
	"network_mode":          "not carried over: every pod has an address of its own; for that of the node set hostNetwork in podTemplate",
	"oom_score_adj":         byNodes,
	"pid":                   "not carried over: set hostPID or shareProcessNamespace in podTemplate if the cluster allows it",
	"pids_limit":            byNodes,
	"post_start":            hooks,
	"pre_start":             hooks,
	"pre_stop":              hooks,
	"privileged":            "not carried over: if it cannot do without, set securityContext.privileged of the container app in podTemplate",
	"runtime":               "not carried over: set runtimeClassName in podTemplate",
	"security_opt":          "not carried over: set securityContext (seccompProfile, appArmorProfile, seLinuxOptions) in podTemplate",
	"stop_signal":           "not carried over, and the image's STOPSIGNAL holds: set it there",
	"sysctls":               "not carried over: set securityContext.sysctls in podTemplate if the cluster allows them",
	"userns_mode":           "not carried over: set hostUsers in podTemplate",
	"volumes_from":          "not carried over: mount the same claims in volumes",
	"cgroup":                byTemplate,
	"credential_spec":       byTemplate,
	"configs.uid":           "not carried over: files of a ConfigMap belong to root; fsGroup in podTemplate gives them a group",
	"configs.gid":           "not carried over: files of a ConfigMap belong to root; fsGroup in podTemplate gives them a group",
	"secrets.uid":           "not carried over: files of a Secret belong to root; fsGroup in podTemplate gives them a group",
	"secrets.gid":           "not carried over: files of a Secret belong to root; fsGroup in podTemplate gives them a group",
	"volumes.volume.labels": "not carried over: labels belong to the claim",
	"volumes.tmpfs.mode":    "not carried over: an emptyDir has the mode 0777; fsGroup in podTemplate gives it a group",

	// resources
	"blkio_config":        byNodes,
	"cgroup_parent":       byNodes,
	"cpu_count":           "not carried over: set resources.limits.cpu",
	"cpu_percent":         "not carried over: set resources.limits.cpu",
	"cpu_period":          "not carried over: set resources.limits.cpu",
	"cpu_quota":           "not carried over: set resources.limits.cpu",
	"cpu_rt_period":       byNodes,
	"cpu_rt_runtime":      byNodes,
	"cpu_shares":          "not carried over: set resources.requests.cpu, which is a share too",
	"cpuset":              byNodes,
	"device_cgroup_rules": devices,
	"devices":             devices,
	"gpus":                devices,
	"mem_swappiness":      byNodes,
	"memswap_limit":       byNodes,
	"oom_kill_disable":    byNodes,
	"storage_opt":         "not carried over: set ephemeral-storage in resources.limits",
	"ulimits":             byNodes,

	// networks
	"external_links":                    "not carried over: a Service of type ExternalName can stand for what is outside",
	"mac_address":                       byPolicy,
	"networks.*.driver_opts":            byPolicy,
	"networks.*.gw_priority":            byPolicy,
	"networks.*.interface_name":         byPolicy,
	"networks.*.ipv4_address":           "not carried over: pods have no fixed addresses; call the Service by its name",
	"networks.*.ipv6_address":           "not carried over: pods have no fixed addresses; call the Service by its name",
	"networks.*.link_local_ips":         byPolicy,
	"networks.*.mac_address":            byPolicy,
	"networks.*.use_service_name_alias": "not carried over: a Service is always known by its name",

	// Docker
	"attach":             "not carried over: it is about docker compose up",
	"develop":            "not carried over: it is about docker compose watch",
	"isolation":          forDocker,
	"log_driver":         "not carried over: the nodes keep what containers print; kubectl logs shows it",
	"log_opt":            "not carried over: the nodes keep what containers print; kubectl logs shows it",
	"logging":            "not carried over: the nodes keep what containers print; kubectl logs shows it",
	"models":             "not carried over: run the model as a service, and name its address in env",
	"use_api_socket":     "not possible: nodes of Kubernetes run no Docker that could be used",
	"uts":                forDocker,
	"dockerfile":         "not carried over: it is a field of build",
	"net":                "not carried over: it is an old name of network_mode",
	"pull_refresh_after": "not carried over: set restartedAt to look the tag up again",
	"umask":              "not carried over: the program or its entrypoint has to set it",
	"volume_driver":      "not carried over: set storageClassName of the claims",
}

// projectFields are the fields of the project without its services, with their messages.
var projectFields = fields{
	"name": carried, "secrets.*.name": carried, "secrets.*.file": carried, "secrets.*.environment": carried, "secrets.*.external": carried,
	"configs.*.name": carried, "configs.*.file": carried, "configs.*.environment": carried, "configs.*.external": carried,
	"configs.*.content": carried, "volumes.*.name": carried, "volumes.*.external": carried,

	"jobs":                   "not carried over: AppStack runs what does not end; write Jobs or CronJobs",
	"models":                 "not carried over: run the model as a service",
	"networks.*.name":        carried,
	"networks.*.internal":    "not carried over: a NetworkPolicy can keep pods from calling what is outside",
	"networks.*.external":    byPolicy,
	"networks.*.driver":      byPolicy,
	"networks.*.driver_opts": byPolicy,
	"networks.*.ipam":        byPolicy,
	"networks.*.attachable":  forDocker,
	"networks.*.enable_ipv4": byPolicy,
	"networks.*.enable_ipv6": byPolicy,
	"volumes.*.driver":       "not carried over: set storageClassName of the claim",
	"volumes.*.driver_opts":  "not carried over: set storageClassName of the claim, or make a PersistentVolume of that kind",
	"volumes.*.labels":       "not carried over: set metadata.labels of the claim",
}

// harmless are the values that match what Kubernetes does anyway.
var harmless = map[string]bool{
	"networks.*.driver=bridge": true, "networks.*.driver=overlay": true, "volumes.*.driver=local": true,
	"deploy.endpoint_mode=vip": true, "network_mode=bridge": true, "network_mode=default": true,
	"stop_signal=SIGTERM": true, "stop_signal=TERM": true, "stop_signal=15": true,
}
