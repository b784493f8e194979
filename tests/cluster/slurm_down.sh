#!/usr/bin/env bash
# End the cluster that slurm_up.sh has started with the same FOLDER: its jobs, its daemons, its links in /etc/slurm.
set -uo pipefail
folder=$(realpath -m "${1:?usage: slurm_down.sh FOLDER}")
[ "$(readlink /etc/slurm/slurm.conf)" = "$folder/slurm.conf" ] && squeue --noheader --format=%A | xargs --no-run-if-empty scancel
for daemon in slurmd slurmctld munged; do
    pid=$(cat "$folder/$daemon.pid" 2>/dev/null) || continue
    # The number may be somebody else's by now.
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$daemon" ] || continue
    kill "$pid"
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
done
for name in slurm gres; do
    [ "$(readlink "/etc/slurm/$name.conf")" = "$folder/$name.conf" ] && rm -f "/etc/slurm/$name.conf"
done
exit 0
