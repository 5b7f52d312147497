#!/bin/bash
#SBATCH --job-name=gamaka-embed
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=12:00:00
#SBATCH --requeue
# With GPUs: #SBATCH --gres=gpu:1
#
# A task for each shard of a manifest (README.md):
#   sbatch --export=ALL,MANIFEST=/shared/catalogue.csv,PARTS=/shared/parts slurm_embed.sh
# What follows its name goes on to gamaka: slurm_embed.sh --per segment
set -euo pipefail

: "${MANIFEST:?name the list of files}" "${PARTS:?name the folder of the tables}"
: "${SLURM_ARRAY_TASK_ID:?submit this by sbatch, or set the number of the shard}"
# As many as the array above has, also when some of it is submitted again (--array=3,7).
shards=${SHARDS:-16}

mkdir -p "$PARTS"
exec "${GAMAKA:-gamaka}" embed --manifest "$MANIFEST" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
  -o "$PARTS/part-$SLURM_ARRAY_TASK_ID-of-$shards.parquet" --quiet "$@"
