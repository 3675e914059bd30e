#!/usr/bin/env bash
# Times annotate and train beside transformers' generate and eager training, on one machine and one after the other:
#   gpu/run.sh CHECKPOINT ENTITYQUESTIONS cpu|cuda
# It needs a Python with torch and transformers, and this project built for the device. BENCH names another command that starts
# the benchmarks. RELATIONS, QUESTIONS, PROMPTS, EXAMPLES and STEPS set the size of the work: small ones try the script on a CPU. Peers
# answer at most 240 questions of one relation.
set -euo pipefail
checkpoint=${1:?a checkpoint} data=${2:?EntityQuestions} device=${3:?cpu or cuda}
here=$(cd "$(dirname "$0")" && pwd)
gpu=$([ "$device" = cpu ] && echo cpu || echo cuda)
if [ -z "${BENCH:-}" ]; then
  dotnet build "$here/.." -c Release -v quiet -p:TorchDevice="$gpu"
  BENCH="dotnet $here/../bin/Release/net10.0/Slick.Benchmarks.dll"
fi
work=$(mktemp) && trap 'rm -f "$work"' EXIT
of=(--checkpoint "$checkpoint" --data "$data" --device "$device")
questions=${QUESTIONS:-1000}
asked=(--relations "${RELATIONS:-2}" --questions "$questions" --prompts "${PROMPTS:-10}")
peer=(--relations 1 --questions "$((questions < 240 ? questions : 240))" --prompts "${PROMPTS:-10}")
taught=(--examples-a-step "${EXAMPLES:-128}" --steps "${STEPS:-8}")
[ "$gpu" = cpu ] || nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
peers() { python3 "$here/peers.py" "$1" --checkpoint "$checkpoint" --work "$work" --device "$gpu" --dtype "$2" ||
  echo "$1 of PyTorch in $2 failed"; }
$BENCH work "$work" "${of[@]}" "${peer[@]}" "${taught[@]}"
for dtype in fp32 bf16; do
  $BENCH annotate "${of[@]}" "${asked[@]}" --dtype "$dtype" --contenders exact,sampled
  peers generate "$dtype"
  $BENCH train "${of[@]}" "${taught[@]}" --dtype "$dtype" --set dropoutRate=0
  peers train "$dtype"
done
peers train autocast
