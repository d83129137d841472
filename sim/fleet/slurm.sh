#!/usr/bin/env bash
#SBATCH --job-name=seawall-night
#SBATCH --output=seawall-night-%A-%a.log
#SBATCH --requeue
#
# A night on Slurm: an array of shards, and behind it the job that makes one night of them.
#
#     sim/fleet/slurm.sh SHARDS TIME NIGHTS [OPTION OF SBATCH]...
#
# Start it in the repository's root, on a file system that all nodes see, NIGHTS too; the options are those of the array, such as
# --cpus-per-task=8 --time=10:00:00. Given again on the same day (UTC) it goes on with that day's night.
set -euo pipefail

if [ $# -lt 3 ] || [ ! -x sim/fleet/shard ]; then
    echo "usage, in the repository's root: sim/fleet/slurm.sh SHARDS TIME NIGHTS [OPTION OF SBATCH]..." >&2
    exit 2
fi
shards=$1 time=$2 nights=$3
# All jobs have the number that the first command chose.
export NIGHT=${NIGHT:-$(($(date +%s) / 86400))}

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    exec sim/fleet/shard "$SLURM_ARRAY_TASK_ID/$shards" "$NIGHT" "$time" "$nights"
elif [ -n "${SLURM_JOB_ID:-}" ]; then
    exec sim/fleet/merge "$NIGHT" "$nights"
fi
# Once, before all shards need it at the same time.
cargo build --release -p seawall-sim
array=$(sbatch --parsable --export=ALL --array="1-$shards" "${@:4}" "$0" "${@:1:3}")
# After any end: a shard that was cut off counts as far as it came.
merge=$(sbatch --parsable --export=ALL --output="seawall-night-%A-merge.log" --dependency="afterany:$array" "$0" "${@:1:3}")
echo "night $NIGHT: shards are job $array, the merge is job $merge"
