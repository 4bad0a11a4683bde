import { isFull } from '../../helpers/full.ts';
import { importImage } from '../../image/mini-image.ts';
import { cProjectScript } from '../c-project.ts';

/** A piece of ordinary work: a script for bash, which has to end with 0. It runs as the user `code`, who has sudo. */
export interface Errand {
  readonly name: string;
  readonly script: string;
}

/** What every machine for work is given first; more of it where whole proofs are run. */
const packages = {
  few: 'gcc libc6-dev make python3 openssh-client curl bubblewrap',
  many:
    'build-essential cron gdb iputils-ping jq lsof netcat-openbsd php-cli pkg-config python3-pip python3-venv ripgrep rsync ' +
    'ruby socat sqlite3 strace unzip wget zip bind9-dnsutils',
};

const install = `
sudo env APT_CONFIG="$APT_CONFIG" DEBIAN_FRONTEND=noninteractive apt-get`;

const fetchNpm = `
mkdir -p ~/.local/bin ~/.local/lib/npm
cat >~/fetch.mjs <<'END'
import { writeFile } from 'node:fs/promises';
const about = await (await fetch(process.env.npm_config_registry.replace(/\\/$/, '') + '/npm/' + process.env.NPM_VERSION)).json();
await writeFile('/tmp/npm.tgz', Buffer.from(await (await fetch(about.dist.tarball)).arrayBuffer()));
END
node ~/fetch.mjs
tar -xzf /tmp/npm.tgz -C ~/.local/lib/npm --strip-components=1
ln -sf ../lib/npm/bin/npm-cli.js ~/.local/bin/npm
ln -sf ../lib/npm/bin/npx-cli.js ~/.local/bin/npx
npm --version`;

/** Ordinary dependencies; hundreds of packages come along. */
const dependencies = isFull
  ? 'express@5 mocha@11 eslint@9 typescript@5 webpack@5 webpack-cli@6 vite@6 jest@29 next@15 react@19 react-dom@19 husky@9 @babel/core@7 @babel/preset-env@7'
  : 'express@5 mocha@11 eslint@9 typescript@5';

const cBuild = `
set -- ~/build
${cProjectScript(150)}
make -j2 >/dev/null
./program
touch part7.c main.c && make >/dev/null
strip -o small program && ./small && make clean >/dev/null`;

const git = `
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
rm -rf ~/repo ~/copy ~/tree; git init -q -b main ~/repo && cd ~/repo
for n in $(seq 30); do echo "a keyboard and $n keys" >"file$n"; git add . && git commit -qm "Number $n"; done
git clone -q --local . ~/copy
git worktree add -q ~/tree -b side && (cd ~/tree && echo more >>file1 && git commit -qam side)
git merge -q side && git gc -q && git fsck 2>/dev/null
git grep keyboard | grep -c keyboard; git log --oneline --stat | tail -3; git blame file1 | head -1
git stash list; git -c core.hooksPath=.hooks commit -q --allow-empty -m hooks
cd /workspace && cp ~/repo/file1 . && git add file1 && git commit -qm first && git status --short`;

const npm = `
mkdir -p ~/app && cd ~/app
echo '{ "name": "app", "version": "1.0.0", "scripts": { "test": "mocha test", "start": "node server.js" } }' >package.json
npm install --no-audit --no-fund ${dependencies} >/dev/null
ls node_modules | wc -l
mkdir -p test && cat >test/app.js <<'END'
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const express = require('express');
describe('an app', () => {
  for (let n = 0; n < 20; n++) it('answers ' + n, async () => {
    const server = express().get('/', (_, response) => response.send('hello')).listen(0);
    const answer = await fetch('http://127.0.0.1:' + server.address().port);
    assert.equal(await answer.text(), 'hello');
    server.close();
  });
  it('runs programs', () => assert.equal(execFileSync('sh', ['-c', 'echo $((1 + 1))'], { encoding: 'utf8' }), '2\\n'));
});
END
npm test >/dev/null
npx tsc --version && npx eslint --version
rm -rf node_modules && npm ci --no-audit --no-fund >/dev/null`;

const pnpm = `
mkdir -p ~/tools ~/other && cd ~/other
npm install --no-audit --no-fund --prefix ~/tools pnpm@10 >/dev/null
cp ~/app/package.json . && ~/tools/node_modules/.bin/pnpm install --silent && ls node_modules | wc -l`;

const nodeTests = `
mkdir -p ~/suite && cd ~/suite
for n in $(seq 12); do cat >"t$n.test.mjs" <<'END'
import { createServer, connect } from 'node:net';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import assert from 'node:assert';
test('sockets', async () => {
  const server = createServer((socket) => socket.end('tcp')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(server.address().port);
  const [data] = await once(client, 'data');
  assert.equal(String(data), 'tcp');
  server.close();
});
test('programs', () => assert.equal(spawnSync('bash', ['-c', 'echo "$A"'], { env: { A: '1' } }).status, 0));
END
done
node --test >/dev/null`;

const pythonTests = `
mkdir -p ~/py/tests && cd ~/py && touch tests/__init__.py
for n in $(seq 12); do cat >"tests/test_$n.py" <<'END'
import http.server, os, pathlib, socket, subprocess, sys, threading, unittest, urllib.request

class Everything(unittest.TestCase):
    def test_server(self):
        server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.assertEqual(urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port).status, 200)
        server.shutdown()

    def test_sockets(self):
        left, right = socket.socketpair()
        left.sendall(b'a')
        self.assertEqual(right.recv(1), b'a')

    def test_programs(self):
        self.assertEqual(subprocess.run(['sh', '-c', 'exit 3']).returncode, 3)
        self.assertEqual(subprocess.run([sys.executable, '-c', 'import socket; print(":")']).returncode, 0)
        self.assertIn('HOME', os.environ)
        self.assertTrue(pathlib.Path('/proc/self/environ').exists())
END
done
python3 -m unittest discover -q 2>&1 | tail -1
python3 -m compileall -q .`;

const oneLiners = `
env X=1 sh -c 'echo $X'
env | sort | head -n 3 >/dev/null
python3 -c 'print("a:b")'
python3 -c 'import socket; print(socket.gethostname())'
python3 -c 'import os, json; print(json.dumps(sorted(os.environ))[:20])'
perl -e 'print "a:b\\n"'; perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Listen => 1) or die'
node -e 'console.log(process.env.HOME, "tcp:", require("node:net").isIP("10.0.0.1"))'
echo cGluZwo= | base64 -d; echo 'echo piped' | bash; bash -ilc 'echo interactive; env >/dev/null' 2>/dev/null
ps aux >/dev/null; ss -tln >/dev/null; id; df -h / >/dev/null; free -m >/dev/null
rm -f ~/pipe; mkfifo ~/pipe; (echo through >~/pipe &); cat ~/pipe
sleep 60 & kill $!
cp /bin/true ~/mine && chmod +x ~/mine && ~/mine
bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all sh -c 'echo walled'
cat /proc/self/environ >/dev/null; cat /proc/cpuinfo /proc/mounts >/dev/null`;

const lan = `
curl -fsS "http://$LAN:8080/" >/dev/null
curl -fsS "http://$LAN:8080/install" | sh
timeout 10 bash -c 'until (echo >"/dev/tcp/$LAN/5432") 2>/dev/null; do sleep 0.2; done'
python3 -c 'import urllib.request, os; print(urllib.request.urlopen("http://%s:8080/" % os.environ["LAN"]).status)'
node -e 'fetch("http://" + process.env.LAN + ":8080/").then((r) => console.log(r.status))'
getent ahosts "$(printf %s "$npm_config_registry" | sed 's,^[a-z]*://,,; s,[:/].*,,')" >/dev/null`;

const ssh = `
options="-i $HOME/.ssh/id_ed25519 -o StrictHostKeyChecking=accept-new"
ssh -i ~/.ssh/id_ed25519 -o StrictHostKeyChecking=accept-new "root@$LAN" 'echo reached'
tar -C ~/build -c . | ssh $options "root@$LAN" 'cat >/dev/null'
ssh $options "root@$LAN" -L 9999:127.0.0.1:8080 'sleep 2' & sleep 1; curl -fsS http://127.0.0.1:9999/ >/dev/null; wait`;

const files = `
tar -czf /tmp/work.tgz -C /workspace . && tar -tzf /tmp/work.tgz >/dev/null
tar -cf /tmp/home.tar -C ~ build repo suite && rm /tmp/home.tar
find / -xdev -name '*.h' 2>/dev/null | wc -l
find ~ /workspace -type f -newer /etc/hostname | wc -l
grep -r include /usr/include ~/build 2>/dev/null | wc -l
grep -rniE 'password|api_key|secret|token' ~/suite /workspace | wc -l || true
find ~/build -name '*.c' -exec sha256sum {} + | sort | tail -1`;

const megabytes = 1_000;
const gigabyte = `
dd if=/dev/zero of=~/large bs=1M count=${megabytes} conv=fsync status=none
sha256sum ~/large; cp --reflink=never ~/large ~/larger; cmp ~/large ~/larger; rm ~/large ~/larger`;

const system = `
tmux new-session -d -s errand; tmux send-keys -t errand 'echo at $((40 + 2)); ls' Enter
until tmux capture-pane -p -t errand | grep -q 'at 42'; do sleep 0.2; done; tmux kill-session -t errand
sudo id -u; sudo -u nobody true; sudo sh -c 'echo 1 >/etc/errand'
systemctl list-units --no-pager >/dev/null; sudo systemctl restart systemd-journald; sudo journalctl -n 5 --no-pager >/dev/null
sudo systemd-run --quiet --wait --collect true
sudo systemd-run --quiet --collect --on-active=1s --timer-property=AccuracySec=100ms touch /tmp/later
for _ in $(seq 100); do [ -e /tmp/later ] && break; sleep 0.2; done; [ -e /tmp/later ]
(crontab -l 2>/dev/null; echo '0 3 * * * true') | crontab - 2>/dev/null || true
sudo useradd -m errand && sudo userdel -r errand 2>/dev/null; hostname; uptime; getent passwd code`;

const credentials = `
mkdir -p ~/.claude ~/.config/gh ~/.local/bin && umask 077
echo '{"claudeAiOauth":{"accessToken":"made-up"}}' >~/.claude/.credentials.json
echo 'https://code:made-up@example.com' >~/.git-credentials
cat >~/.local/bin/claude <<'END'
#!/usr/bin/env node
const { readFileSync, writeFileSync } = require('node:fs');
const file = process.env.HOME + '/.claude/.credentials.json';
const held = JSON.parse(readFileSync(file, 'utf8'));
writeFileSync(file, JSON.stringify({ ...held, again: true }));
console.log(Object.keys(held).length, process.env.ANTHROPIC_API_KEY ?? 'no key');
END
chmod +x ~/.local/bin/claude && claude
ANTHROPIC_API_KEY=made-up claude
printf 'protocol=https\\nhost=example.com\\n\\n' | git credential-store get >/dev/null
mkdir -p /workspace/.vscode && echo '{}' >/workspace/.vscode/launch.json || true
cat ~/.ssh/known_hosts >/dev/null 2>&1 || true; ssh-keygen -lf ~/.ssh/id_ed25519.pub`;

const debugging = `
strace -f -o /tmp/trace sh -c 'true; true'; gdb -batch -ex run -ex bt /bin/true >/dev/null 2>&1
unshare --user --map-root-user true; sudo mount -t tmpfs tmpfs /mnt && sudo umount /mnt
php -r 'echo implode(":", [1, 2]), "\\n";'; ruby -e 'puts "a:b"'; ruby -rsocket -e 'puts Socket.gethostname'
socat -u EXEC:'echo socat' STDOUT; nc -z -w 2 "$LAN" 8080; dig +short localhost || true
python3 -m venv ~/venv && ~/venv/bin/python -c 'print("venv")'; sqlite3 /tmp/db 'create table t (a); select count(*) from t'
rsync -a ~/build/ ~/build2/; zip -qr /tmp/z.zip ~/suite; rg -c keyboard ~/repo | head -1; lsof -p $$ >/dev/null; ping -c 1 127.0.0.1 >/dev/null || true
for n in $(seq 60); do getent ahosts "host$n.example.com" >/dev/null || true; done`;

const packing = `
cd ~/app && npx webpack --version >/dev/null && npx jest --version && npx vite --version
git init -q . 2>/dev/null; npx husky || true
mkdir -p site && cd site && echo '<script type="module" src="a.js"></script>' >index.html && echo 'console.log(1)' >a.js && npx vite build >/dev/null`;

/** In this order: later ones use what earlier ones made. */
export const errands: readonly Errand[] = [
  { name: 'git, from init to worktrees and gc', script: git },
  { name: 'a C build of 150 files', script: cBuild },
  { name: 'Python tests', script: pythonTests },
  { name: 'Node tests', script: nodeTests },
  { name: 'npm, fetched from the registry', script: fetchNpm },
  { name: 'npm install, test, ci', script: npm },
  { name: 'pnpm install', script: pnpm },
  { name: 'short commands of every kind', script: oneLiners },
  { name: 'services of the local network', script: lan },
  { name: 'ssh with a key', script: ssh },
  { name: 'an agent that reads its own credentials', script: credentials },
  { name: 'tar, find and grep over everything', script: files },
  { name: '1 GB written and read', script: gigabyte },
  { name: 'tmux, sudo, services and timers', script: system },
];

/** Further ones that need more packages. */
export const longErrands: readonly Errand[] = [
  { name: 'many more packages', script: `${install} install -qy --no-install-recommends ${packages.many} >/dev/null` },
  { name: 'debuggers and interpreters', script: debugging },
  { name: 'bundlers and hooks', script: packing },
];

/** What makes the machine one for work. */
export const firstErrand: Errand = {
  name: 'apt-get update and install',
  script: `${install} update -q >/dev/null\n${install} install -qy --no-install-recommends ${packages.few} >/dev/null`,
};

/** Needs an image that has Docker. */
export const dockerErrand: Errand = {
  name: 'containers made and run',
  script: `
mkdir -p ~/docker && cd ~/docker
${importImage} >/dev/null
docker run --rm mini:1 /bin/sh -c 'echo hello'
docker run --rm -p 80:80 -v "$PWD:/data" mini:1 /bin/sh -c 'echo published >/data/file'
printf 'FROM mini:1\\nRUN ["/bin/sh", "-c", "echo built >/built"]\\n' >Dockerfile
docker build -q -t mini:2 . >/dev/null && docker run --rm mini:2 /bin/sh -c 'read word </built; echo $word'
printf 'services:\\n  one: { image: "mini:1", command: ["/bin/sh", "-c", "echo composed"] }\\n' >docker-compose.yml
docker compose up 2>&1 && docker compose down 2>&1
container=$(docker run -d mini:1 /bin/sh -c 'while :; do read -r _ || exit; done </dev/zero')
docker exec "$container" /bin/sh -c 'echo exec' ; docker logs "$container"; docker rm -f "$container" >/dev/null`,
};
