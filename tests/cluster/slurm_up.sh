#!/usr/bin/env bash
# A SLURM cluster of this one machine, for tests: controller, node and authentication, all on loopback.
#
#   tests/cluster/slurm_up.sh FOLDER      # FOLDER keeps its configuration, state and logs
#   tests/cluster/slurm_down.sh FOLDER
#
# Needs root and Debian or Ubuntu, whose packages it installs where they are missing. There is no systemd, no accounting
# database and no enforcement of memory in it. Exit status 2: this machine cannot have such a cluster, and why.
set -euo pipefail
umask 022
PATH=$PATH:/usr/sbin:/sbin # where Debian has daemons, and not every shell looks

unable() {
    echo "no SLURM here: $1" >&2
    exit 2
}

folder=$(realpath -m "${1:?usage: slurm_up.sh FOLDER}")
owned=/etc/slurm/slurm.conf # jobs look for it there: Snakemake's job step takes SLURM_CONF out of the environment
[ "$(id -u)" = 0 ] || unable "it takes root to start the daemons"
# A cluster that somebody uses is not touched; a link is what this script has left.
if [ -e "$owned" ] && [ ! -L "$owned" ]; then unable "$owned is there: this machine belongs to a cluster"; fi
if [ -L "$owned" ] && scontrol ping >/dev/null 2>&1; then unable "another test cluster is up; $(dirname "$0")/slurm_down.sh $(dirname "$(readlink "$owned")") ends it"; fi

for program in slurmctld slurmd munged; do
    command -v "$program" >/dev/null && continue
    command -v apt-get >/dev/null || unable "$program is missing, and there is no apt-get to install it"
    export DEBIAN_FRONTEND=noninteractive
    install=(apt-get install --yes --quiet --no-install-recommends slurm-wlm munge)
    { apt-get update --quiet && "${install[@]}"; } >/tmp/slurm_up.apt.$$ 2>&1 ||
        { tail -5 "/tmp/slurm_up.apt.$$" >&2; unable "the packages slurm-wlm and munge cannot be installed"; }
    rm -f "/tmp/slurm_up.apt.$$"
    break
done

mkdir -p "$folder"/{state,spool,log,munge} /etc/slurm
mapfile -t ports < <(shuf --input-range 20000-32000 --head-count 2) # below those that the kernel hands out
memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.8) }' /proc/meminfo)
cat >"$folder/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
# Processes are followed by their parents, for want of control groups in a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
# Cores and memory are what jobs take; a cancelled one gets three seconds.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
KillWait=3
# As on most clusters, a finished job is remembered for five minutes.
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
GresTypes=gpu
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1-0 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1-0 State=UP
CONF
# A card is counted whether there is one or not: what is tested is that jobs ask for it.
device=/dev/null
[ -e /dev/nvidia0 ] && device=/dev/nvidia0
echo "Name=gpu File=$device" >"$folder/gres.conf"
ln -sfn "$folder/slurm.conf" "$owned"
ln -sfn "$folder/gres.conf" /etc/slurm/gres.conf

key="$folder/munge/key"
[ -s "$key" ] || { head -c 1024 /dev/urandom >"$key" && chmod 400 "$key"; }
munged --force --key-file="$key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/munge/seed" --log-file="$folder/log/munged.log" || unable "munged does not start"
slurmctld -c || unable "slurmctld does not start"
slurmd -N "$(hostname -s)" || unable "slurmd does not start"
for _ in $(seq 100); do
    if [ "$(sinfo --noheader --partition cpu --format %T 2>/dev/null)" = idle ]; then
        sinfo
        exit 0
    fi
    sleep 0.1
done
tail -n 5 "$folder"/log/*.log >&2
"$(dirname "$0")/slurm_down.sh" "$folder"
unable "the node does not come up"
