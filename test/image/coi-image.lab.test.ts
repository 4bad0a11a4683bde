import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findDefinition } from '../../src/image/find-definition.ts';
import { readDefinition } from '../../src/image/read-definition.ts';
import { isFull } from '../helpers/full.ts';
import { startController, type LabController } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { importDefinition, longestBuildMs } from './cached-definition.ts';
import { importImage } from './mini-image.ts';

let lab: Lab;
let controller: LabController;

// It takes minutes to build, and the registries.
const whole = isFull ? ['coi'] : [];

beforeAll(async () => {
  lab = await openLab({ name: 'images', images: [] });
  for (const name of ['dummy', ...whole]) await importDefinition(lab, name);
  controller = await startController(lab);
}, longestBuildMs);
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

async function sandbox(name: string, image: string): Promise<void> {
  await controller.declare(name, `image = "${image}"`, 'persistent = true', 'restart = "never"');
  await controller.ready(name, 'running');
}

/** Runs a script as the user `code`, as agents are run: with no groups but its own. */
function asCode(name: string, script: string, uid = 1000): Promise<RunResult> {
  const user = ['--user', String(uid), '--group', String(uid), '--cwd', '/tmp', '--env', 'HOME=/home/code'];
  return lab.run(['incus', 'exec', `coi-${name}`, ...user, '--', 'sh', '-euc', script], { timeoutMs: 120_000 });
}

/** What a script printed; the failure tells what went wrong. */
async function printed(name: string, script: string, uid?: number): Promise<string> {
  const { stdout, stderr, exitCode } = await asCode(name, script, uid);
  if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}\n${stdout}\n${stderr}`);
  return stdout.trim();
}

/** What a sandbox is after `code` has switched it off. */
async function afterPoweroff(name: string): Promise<string> {
  await asCode(name, 'poweroff');
  return (await controller.when(name, ({ state }) => state !== 'running', { timeoutMs: 60_000 })).state;
}

describe('the image dummy', () => {
  it('has the agent, a code user with sudo, and an identity that each sandbox gets for itself', async () => {
    await sandbox('one', 'dummy');
    await sandbox('two', 'dummy');
    expect(await printed('one', 'dummy --exit 0 hello; sudo -n true; tmux -V; git --version; id -un')).toMatch(
      /working on: hello[^]*tmux[^]*git[^]*code$/,
    );
    const [one, two] = [await printed('one', 'cat /etc/machine-id'), await printed('two', 'cat /etc/machine-id')];
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(one).not.toBe(two);
  });

  it('looks up names where DHCP says, with no server of a build left in it', async () => {
    expect(await printed('one', 'readlink /etc/resolv.conf')).toBe('/run/systemd/resolve/resolv.conf');
    const named = async () =>
      (await asCode('one', 'cat /etc/resolv.conf')).stdout.match(/^nameserver .*/gm) ?? undefined;
    // Once it has started.
    const servers = await until('name servers', named);
    expect(servers).toContain('nameserver 10.90.0.1');
    expect(servers.filter((line) => /\b(?:8\.8\.|1\.1\.1\.1|127\.)/.test(line))).toEqual([]);
  });

  it('is left by poweroff without sudo', async () => {
    expect(await afterPoweroff('two')).toBe('stopped');
  });
});

const composeFile = `
services:
  one: { image: "mini:1", command: ["/bin/sh", "-c", "echo composed"], ports: ["81:81"] }`;

describe.each(whole)('the image %s', (image) => {
  beforeAll(() => sandbox('whole', image));

  it('has the agents and Node in the versions that are pinned', async () => {
    const { versions } = await readDefinition(await findDefinition('coi', { etc: '/nonexistent', cwd: '/' }));
    expect(await printed('whole', 'claude --version')).toContain(versions['claude_code']);
    expect(await printed('whole', 'opencode --version')).toBe(versions['opencode']);
    expect(await printed('whole', 'node --version')).toBe(`v${versions['node']}`);
    expect(await printed('whole', 'npm --version')).toBe(versions['npm']);
    expect(Number.parseInt(versions['node']!, 10)).toBeGreaterThanOrEqual(24);
  });

  it('has what agents call', async () => {
    const programs = 'rg fzf jq curl wget unzip dig cc make git tmux docker gh sudo python3 ssh dummy';
    expect(
      await printed('whole', `for each in ${programs}; do command -v "$each" >/dev/null || echo "$each"; done`),
    ).toBe('');
    expect(await printed('whole', 'sudo -n id -u; echo needle >hay; rg needle hay; echo a | fzf -f a; id -un')).toBe(
      '0\nneedle\na\ncode',
    );
    expect(await printed('whole', 'tmux new -d -s x "sleep 100"; tmux ls; systemctl is-system-running')).toMatch(
      /^x: 1 windows[^]*running$/,
    );
  });

  it('runs containers without sudo, from an image that was made inside', async () => {
    await printed('whole', importImage);
    expect(await printed('whole', 'docker run --rm mini:1 /bin/sh -c "echo hello from \\$\\$"')).toBe('hello from 1');
    const published = 'docker run --rm -p 80:80 mini:1 /bin/sh -c "echo published"';
    expect(await printed('whole', published)).toBe('published');
    const build = `printf 'FROM mini:1\nRUN ["/bin/sh", "-c", "echo built >/built"]\n' >Dockerfile; docker build -q -t mini:2 . >/dev/null
        docker run --rm mini:2 /bin/sh -c 'read word </built; echo $word'`;
    expect(await printed('whole', `mkdir built; cd built; ${build}`)).toBe('built');
  });

  it('has docker wait for a system that has yet to start', async () => {
    await sandbox('early', image);
    expect(await printed('early', 'docker version --format "{{.Server.Os}}"')).toBe('linux');
  });

  it('composes containers, and lets a user with another number do so', async () => {
    const compose = `mkdir -p /tmp/$(id -u)/all; cd /tmp/$(id -u)/all; echo '${composeFile}' >docker-compose.yml; docker compose up 2>&1; docker compose down 2>&1`;
    expect(await printed('whole', compose)).toMatch(/\|.*composed/);
    expect(await printed('whole', compose, 1234)).toMatch(/\|.*composed/);
  });

  it('tidies /tmp every 15 minutes of what nobody touched for an hour, but for sockets in use', async () => {
    const timer = await printed(
      'whole',
      'systemctl show -p ActiveState -p TimersMonotonic systemd-tmpfiles-clean.timer',
    );
    expect(timer).toContain('ActiveState=active');
    expect(timer).toContain('OnUnitActiveUSec=15min');
    expect(timer).toContain('OnBootUSec=15min');
    expect(timer.match(/U[sS]ec=/g)).toHaveLength(2);
    expect(await printed('whole', "systemd-tmpfiles --cat-config | grep -E '^[a-zA-Z!]+ /tmp '")).toBe(
      'D /tmp 1777 root root 1h',
    );
    // The same rule with another age: nobody can wait for an hour, and when a file was made cannot be set back.
    const rule = 'D /tmp 1777 root root 2s';
    const tidy = `touch old; sleep 3; touch young; echo '${rule}' | sudo systemd-tmpfiles --clean -; ls /tmp; tmux ls`;
    const left = await printed('whole', tidy);
    expect(left).toMatch(/^young$/m);
    expect(left).not.toMatch(/^old$/m);
    expect(left).toMatch(/^x: 1 windows/m);
  });

  it('is left by poweroff without sudo, too', async () => {
    expect(await afterPoweroff('whole')).toBe('stopped');
  });
});
