import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { askingScript, imageToml, publicServer, Workshop, writeFolder, type IncusImage } from './workshop.ts';

let shop: Workshop;

beforeAll(async () => {
  shop = await Workshop.open('build');
  await writeFolder(shop.desk.lab.dir, { 'named.sh': askingScript(publicServer) });
});
afterAll(() => shop?.[Symbol.asyncDispose]());

const script = (line: string) => `#!/bin/sh\nset -e\n${line}\n`;
const version = (name: string) => new RegExp(`^${name}-\\d{8}-\\d{6}$`);
const custom = (...args: string[]) => shop.build('custom', ...args);
const stagesOf = (report: { stages: readonly { name: string; cached: boolean }[] }) =>
  report.stages.map(({ name, cached }) => `${name}${cached ? ' (kept)' : ''}`);

describe('coi build custom', () => {
  it('builds an image with a script once, and prints what it is as JSON', async () => {
    const args = ['named', '--script', join(shop.desk.lab.dir, 'named.sh'), '--base', 'busybox'];
    const first = await custom(...args);
    expect({ ...first, stdout: '' }).toMatchObject({ exitCode: 0 });
    const { fingerprint, ...rest } = JSON.parse(first.stdout) as Record<string, string>;
    expect(rest).toEqual({ alias: 'named', skipped: false, version_alias: expect.stringMatching(version('named')) });
    expect(await shop.inside('named', 'cat /etc/udhcpc/default.script')).toContain(`nameserver ${publicServer}`);
    const again = JSON.parse((await custom(...args)).stdout) as unknown;
    expect(again).toEqual({ ...rest, fingerprint, skipped: true });
    const forced = JSON.parse((await custom(...args, '--force')).stdout) as typeof rest;
    expect(forced).toMatchObject({ alias: 'named', skipped: false });
    expect(forced['version_alias']).not.toBe(rest['version_alias']);
  });

  it('fails without a script, without a base, and with a name that is none', async () => {
    const here = join(shop.desk.lab.dir, 'named.sh');
    expect(await custom('none')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('needs --script') });
    expect(await custom('none', '--script', './none.sh')).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('Cannot read the script "./none.sh"'),
    });
    expect(await custom('none', '--script', here, '--base', 'absent')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('this host has no image "absent"'),
    });
    expect(await custom('No/ne', '--script', here)).toMatchObject({ exitCode: 1 });
    expect(await shop.images('none')).toEqual([]);
  });
});

describe('coi build', () => {
  const small = {
    'image.toml': imageToml('"named"', ['one', 'two'], '[versions]\ntool = "1.2.3"\nother = "1"'),
    'steps/one': script('echo one >/one; [ "$(id -u)" = 0 ]; [ -z "$(cat)" ]; pwd >>/one'),
    'steps/two': script('echo "$VERSION_TOOL" >/two'),
  };

  it('builds an image once, prints its names, and builds what has changed of it', async () => {
    await shop.define('small', small);
    const first = await shop.build('small');
    const [alias, versionAlias, fingerprint] = first.stdout.split('\n');
    expect([alias, versionAlias]).toEqual(['small', expect.stringMatching(version('small'))]);
    expect(await shop.inside('small', 'cat /one /two')).toBe('one\n/\n1.2.3');
    const again = await shop.build('small');
    expect(again).toMatchObject({ stdout: first.stdout, exitCode: 0, stderr: expect.stringContaining('up to date') });

    await shop.define('small', { 'image.toml': small['image.toml'].replace('1.2.3', '1.2.4') });
    const changed = await shop.built('small');
    expect([changed.skipped, stagesOf(changed)]).toEqual([false, ['one (kept)', 'two', 'publish']]);
    expect(await shop.inside('small', 'cat /one /two')).toBe('one\n/\n1.2.4');
    const forced = await shop.built('small', '--force');
    expect(stagesOf(forced)).toEqual(['one', 'two', 'publish']);

    const images = await shop.images('small');
    const byVersion = Object.fromEntries(
      images.flatMap((each) => each.aliases.map(({ name }) => [name, each.fingerprint])),
    );
    expect(byVersion).toEqual({
      small: forced.fingerprint,
      [forced.version_alias!]: forced.fingerprint,
      [changed.version_alias!]: changed.fingerprint,
      [versionAlias!]: fingerprint,
    });
    const { properties } = images.find((each) => each.fingerprint === forced.fingerprint)!;
    expect(properties).toMatchObject({
      description: 'of a test',
      'coi.definition': 'small',
      'coi.versions': 'tool=1.2.4 other=1',
      'coi.recipe': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(Object.keys(properties).filter((key) => key.startsWith('user.') || key.includes('uid'))).toEqual([]);
    // Changed back: what was built like this before is still there.
    await shop.define('small', small);
    expect(await shop.built('small')).toMatchObject({ skipped: true, fingerprint, version_alias: versionAlias });
  });

  it('works in any directory, also by the path of a definition', async () => {
    const here = await shop.desk.workspace('definitions');
    await writeFolder(join(here, 'near'), { ...small, 'image.toml': imageToml('"named"', ['one']) });
    const { exitCode, stdout } = await shop.desk.coi(here, ['build', './near']);
    expect([exitCode, stdout.split('\n')[0]]).toEqual([0, 'near']);
    expect(await shop.build('./near')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('/near/image.toml'),
    });
    expect(await shop.build('nowhere')).toMatchObject({ exitCode: 1, stdout: '' });
  });

  it('goes on at the stage that failed, and says what it printed last and where the rest is', async () => {
    await shop.define('broken', {
      'image.toml': imageToml('"named"', ['one', 'two', 'three']),
      'steps/one': script('echo one >/one'),
      'steps/two': script(
        'i=0; while [ $i -lt 40 ]; do echo "line $i"; i=$((i+1)); done; printf "\\033[2Jbad\\n" >&2; exit 3',
      ),
      'steps/three': script('cat /one /two >/three'),
    });
    const failed = await shop.build('broken');
    expect([failed.exitCode, failed.stdout]).toEqual([1, '']);
    expect(failed.stderr).toMatch(/Stage "two" failed with exit code 3/);
    expect(failed.stderr).toContain('line 39');
    expect(failed.stderr).toContain('bad');
    expect(failed.stderr).not.toContain('\u001B');
    expect(failed.stderr).not.toContain('line 1\n');
    expect(failed.stderr).toContain('To go on at this stage: coi build broken');
    const [, log = ''] = /The whole log: (\S+\.log)/.exec(failed.stderr) ?? [];
    expect(await readFile(log, 'utf8')).toMatch(/== one\n+== two\nline 0\nline 1\n/);
    expect(await shop.images('broken')).toEqual([]);
    await shop.define('broken', { 'steps/two': script('echo two >/two') });
    const report = await shop.built('broken');
    expect(stagesOf(report)).toEqual(['one (kept)', 'two', 'three', 'publish']);
    expect(await shop.inside('broken', 'cat /three')).toBe('one\ntwo');
  });

  it('is not what commands on all sessions mean, and gives its container back when it is killed', async () => {
    await shop.define('killed', {
      'image.toml': imageToml('"named"', ['one', 'two']),
      'steps/one': script('echo one >/one'),
      'steps/two': script('[ -e /go ] || { echo waiting; sleep 300; }'),
    });
    const running = shop.desk.spawn('/', ['build', 'killed']);
    await running.printed(/\[1\/2\] one: \d/, 60_000);
    const own = async () =>
      [...(await shop.desk.controller.instances())].filter(([name]) => name.startsWith('coi-build-'));
    await until('it to run', async () => (await own()).filter(([, state]) => state === 'Running').length === 1);
    expect((await shop.desk.coi('/', ['list'])).stdout).toBe('Active Containers:\n  (none)');
    expect((await shop.desk.coi('/', ['kill', '--all', '--force'])).exitCode).toBe(0);
    expect((await own()).filter(([, state]) => state === 'Running')).toHaveLength(1);
    await running.stop('SIGKILL');
    const isStill = async () => (await own()).every(([, state]) => state === 'Stopped');
    await until('its container to stand still', isStill, { timeoutMs: 60_000 });
    expect(await shop.images('killed')).toEqual([]);
    expect((await shop.desk.coi('/', ['clean', '--force'])).exitCode).toBe(0);

    await shop.define('killed', { 'steps/two': script('echo two >/two') });
    expect(stagesOf(await shop.built('killed'))).toEqual(['one (kept)', 'two', 'publish']);
  });

  it('ends its part on a signal, and leaves nothing half-made', async () => {
    await shop.define('called-off', {
      'image.toml': imageToml('"named"', ['one']),
      'steps/one': script('echo begun; sleep 300'),
    });
    const running = shop.desk.spawn('/', ['build', 'called-off']);
    const instances = async () => [...(await shop.desk.controller.instances())];
    const isUp = async () =>
      (await instances()).some(([name, state]) => name.startsWith('coi-build-') && state === 'Running');
    await until('its container to run', isUp, { timeoutMs: 60_000 });
    await running.stop('SIGTERM');
    const isStill = async () => (await instances()).every(([, state]) => state === 'Stopped');
    await until('its container to be gone', isStill, { timeoutMs: 60_000 });
    expect(await shop.images('called-off')).toEqual([]);
  });

  it('waits for another one of the same image, and then has nothing to do; others go side by side', async () => {
    for (const name of ['shared', 'beside']) {
      await shop.define(name, {
        'image.toml': imageToml('"named"', ['one', 'two']),
        'steps/one': script('sleep 2'),
        'steps/two': script('echo two >/two'),
      });
    }
    const all = await Promise.all([shop.build('shared'), shop.build('shared'), shop.build('beside')]);
    expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(all[0].stdout).toBe(all[1].stdout);
    expect(await shop.images('shared-')).toHaveLength(1);
    const waited = all.slice(0, 2).map(({ stderr }) => stderr.includes('Another process builds "shared" already'));
    expect(waited.filter(Boolean)).toHaveLength(1);
    expect(all[2].stdout).toMatch(/^beside\nbeside-/);
  });
});

describe('two definitions of one name', () => {
  it('have a container each', async () => {
    const here = await shop.desk.workspace('twins');
    const waits = 'while [ ! -e /go ]; do sleep 0.2; done; ';
    for (const twin of ['a', 'b']) {
      await writeFolder(join(here, twin, 'twin'), {
        'image.toml': imageToml('"named"', ['one', 'two'], `alias = "twin-${twin}"`),
        'steps/one': script(`${twin === 'a' ? waits : ''}echo ${twin} >>/one`),
        'steps/two': script('cat /one >/two'),
      });
    }
    const before = await shop.desk.controller.instances();
    const first = shop.desk.spawn(here, ['build', './a/twin']);
    const own = () =>
      until('its container to run', async () => {
        const all = [...(await shop.desk.controller.instances())];
        return all.find(([name, state]) => !before.has(name) && state === 'Running')?.[0];
      });
    const instance = await own();
    expect(await shop.desk.coi(here, ['build', './b/twin'])).toMatchObject({ exitCode: 0 });
    await shop.desk.lab.incus('exec', instance, '--', 'touch', '/go');
    expect(await first.ended).toMatchObject({ exitCode: 0 });
    expect([await shop.inside('twin-a', 'cat /two'), await shop.inside('twin-b', 'cat /two')]).toEqual(['a', 'b']);
  });
});

describe('an image that is built', () => {
  it('has to be as expected, and no larger than it may be', async () => {
    const files = { 'steps/one': script('echo one >/one') };
    const expecting = (command: string) => `[[expect]]\ncommand = ["sh", "-c", "${command}"]\nuser = "code"\n`;
    await shop.define('held', { ...files, 'image.toml': imageToml('"named"', ['one'], expecting('id -un; false')) });
    const unmet = await shop.build('held', '--keep', '2');
    expect(unmet.stderr).toContain('To try again: coi build held --keep 2');
    expect(unmet).toMatchObject({ exitCode: 1, stdout: '' });
    expect(unmet.stderr).toMatch(/not as expected: .* as code ended with exit code 1\n +code\n/);
    await shop.define('held', { 'image.toml': imageToml('"named"', ['one'], '[size]\nmax = "10KiB"\n') });
    const large = await shop.build('held');
    expect(large).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/has \S+ MiB, more than the 0\.0 MiB/) });
    expect(await shop.images('held')).toEqual([]);
    const met = expecting('test \\"$(id -u) $HOME\\" = \\"1000 /home/code\\"');
    await shop.define('held', { 'image.toml': imageToml('"named"', ['one'], `${met}[size]\nmax = "1GiB"\n`) });
    expect(stagesOf(await shop.built('held'))).toEqual(['one', 'check', 'publish']);
  });

  it('leaves its base alone where nothing is done to it, also when it is too large', async () => {
    const stateOf = async (prefix: string) =>
      (await shop.images(prefix))
        .map(({ fingerprint, aliases, properties }) => ({ fingerprint, aliases, properties }))
        .toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
    const before = await stateOf('named');
    await shop.define('bare', { 'image.toml': imageToml('"named"', [], '[size]\nmax = "10KiB"\n') });
    expect(await shop.build('bare')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('more than the') });
    expect(await shop.images('bare')).toEqual([]);
    expect(await stateOf('named')).toEqual(before);
    await shop.define('bare', { 'image.toml': imageToml('{ definition = "small" }', []) });
    const small = await stateOf('small');
    const bare = await shop.built('bare');
    expect(await stateOf('small')).toEqual(small);
    expect(small.map(({ fingerprint }) => fingerprint)).not.toContain(bare.fingerprint);
    expect((await shop.images('bare'))[0]?.properties['coi.definition']).toBe('bare');
  });

  it('has the files of its steps, and nothing that was the build container’s own', async () => {
    await shop.define('files', {
      'image.toml': `${imageToml('"named"', [])}[[step]]\nname = "lay"\nfiles = ["tree"]\nscript = "steps/lay"\n`,
      'tree/usr/local/bin/tool': '#!/bin/sh\necho a tool\n',
      'tree/etc/with space': 'plain\n',
      'steps/lay': script(
        'tool >/said; echo 0123456789abcdef >/etc/machine-id; echo x >/tmp/x; mkdir -p /var/log; echo x >/var/log/x',
      ),
    });
    await shop.built('files');
    const look =
      'stat -c "%u:%g %a" /usr/local/bin/tool "/etc/with space" /etc; cat /said; wc -c </etc/machine-id; ls -A /tmp /var/log /var/lib/coi-build 2>&1; true';
    expect(await shop.inside('files', look)).toBe(
      [
        '0:0 755',
        '0:0 644',
        '0:0 755',
        'a tool',
        '0',
        'ls: /var/lib/coi-build: No such file or directory',
        '/tmp:',
        '',
        '/var/log:',
      ].join('\n'),
    );
    await shop.desk.lab.incus('init', 'files', 'stranger');
    const { config } = await shop.desk.controller.instance('stranger');
    expect(Object.keys(config).filter((key) => key.startsWith('user.'))).toEqual([]);
    await shop.desk.lab.incus('delete', 'stranger');
  });

  it('is none where something of the build container’s own cannot be taken away', async () => {
    const bind = 'mkdir -p /etc/ssh; : >/etc/ssh/ssh_host_key; mount -o bind /etc/hostname /etc/ssh/ssh_host_key';
    await shop.define('keyed', { 'image.toml': imageToml('"named"', ['one']), 'steps/one': script(bind) });
    const { exitCode, stderr } = await shop.build('keyed');
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/own could not be taken away: .*ssh_host_key/)]);
    expect(await shop.images('keyed')).toEqual([]);
  });

  it('does not replace one that somebody else made, unless that is asked for', async () => {
    await shop.define('foreign', {
      'image.toml': imageToml('"named"', ['one']),
      'steps/one': script('echo own >/own'),
    });
    const [{ fingerprint: busybox }] = (await shop.images('busybox')) as [IncusImage];
    const copy = await shop.images('near-');
    await shop.desk.lab.incus('image', 'alias', 'create', 'foreign', busybox);
    const kept = await shop.built('foreign');
    expect(kept).toEqual({ alias: 'foreign', fingerprint: busybox, skipped: true, stages: [] });
    expect((await shop.build('foreign')).stderr).toContain('was not made from a definition and stays');
    const forced = await shop.built('foreign', '--force');
    expect(forced.fingerprint).not.toBe(busybox);
    expect((await shop.images('busybox'))[0]?.fingerprint).toBe(busybox);
    expect(copy).toHaveLength(1);
  });

  it('has as many versions as the settings say', async () => {
    await shop.desk.settings('[images]\nkeep = 2\n');
    await shop.define('many', { 'image.toml': imageToml('"named"', ['one']), 'steps/one': script('echo 1 >/one') });
    for (const text of ['2', '3', '4']) {
      await shop.built('many');
      await shop.define('many', { 'steps/one': script(`echo ${text} >/one`) });
    }
    expect(await shop.images('many-')).toHaveLength(2);
    await shop.desk.settings('');
  });
});

describe('the base of an image', () => {
  it('is the first that there is, which is told', async () => {
    await shop.define('based', {
      'image.toml': imageToml('[{ remote = "nowhere:debian/12" }, "absent", { image = "named" }]', ['one']),
      'steps/one': script('true'),
    });
    const { exitCode, stderr } = await shop.build('based');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /Not from image server nowhere:debian\/12: .*\nNot from image absent: .*\nBase: image named, /,
    );
  });

  it('may be another definition, which is built first, but not itself', async () => {
    await shop.define('lower', {
      'image.toml': imageToml('"named"', ['one']),
      'steps/one': script('echo lower >/lower'),
    });
    await shop.define('upper', {
      'image.toml': imageToml('{ definition = "lower" }', ['one']),
      'steps/one': script('cat /lower >/upper'),
    });
    const upper = await shop.built('upper');
    expect(await shop.inside('upper', 'cat /upper')).toBe('lower');
    expect(await shop.images('lower')).toHaveLength(1);
    // Another base is another image.
    await shop.define('lower', { 'steps/one': script('echo other >/lower') });
    await shop.built('lower');
    const after = await shop.built('upper');
    expect([after.skipped, after.fingerprint === upper.fingerprint]).toEqual([false, false]);
    await shop.define('ring', {
      'image.toml': imageToml('{ definition = "ring" }', ['one']),
      'steps/one': script('true'),
    });
    expect(await shop.build('ring')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('built from itself'),
    });
  });

  it('has to be one that this host can run', async () => {
    const dir = join(shop.desk.lab.dir, 'alien');
    await mkdir(join(dir, 'rootfs'), { recursive: true });
    const other = process.arch === 'arm64' ? 'x86_64' : 's390x';
    await writeFile(join(dir, 'metadata.yaml'), `architecture: ${other}\ncreation_date: 1\n`);
    const archive = join(shop.desk.lab.dir, 'alien.tar');
    await shop.desk.lab.inside.output(['tar', '-C', dir, '-cf', archive, 'metadata.yaml', 'rootfs']);
    await shop.desk.lab.incus('image', 'import', archive, '--alias', 'alien');
    await shop.define('on-alien', { 'image.toml': imageToml('"alien"', ['one']), 'steps/one': script('true') });
    const { exitCode, stderr } = await shop.build('on-alien');
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`is for ${other}, and this host runs`)]);
  });

  it('may be too full for a step, which is told', async () => {
    await shop.define('full', {
      'image.toml': imageToml('"named"', ['one']),
      'steps/one': script('mkdir /t; mount -t tmpfs -o size=64k none /t; dd if=/dev/zero of=/t/f bs=1M count=1'),
    });
    const { exitCode, stderr } = await shop.build('full');
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('is full: incus storage info')]);
    expect(existsSync(/The whole log: (\S+\.log)/.exec(stderr)?.[1] ?? '')).toBe(true);
  });
});

describe('names in a build container', () => {
  const look = script('cat /etc/resolv.conf >/during');
  const show = 'cat /during /etc/resolv.conf';
  const own = (server: string) => `nameserver ${server}\n`;

  it('are left to the servers of the container where those answer', async () => {
    await shop.define('sound', { 'image.toml': imageToml('"named"', ['look']), 'steps/look': look });
    const { stderr, exitCode } = await shop.build('sound');
    expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(/[Nn]ames/)]);
    expect(await shop.inside('sound', show)).toBe(`${own(publicServer)}${own(publicServer)}`.trimEnd());
  });

  it('are looked up at public servers for the build where the container asks itself, and for good where it must', async () => {
    await shop.define('deaf', {
      'image.toml': imageToml('"busybox"', ['ask']),
      'steps/ask': askingScript('127.0.0.53'),
    });
    await shop.define('helped', { 'image.toml': imageToml('{ definition = "deaf" }', ['look']), 'steps/look': look });
    const { stderr, exitCode } = await shop.build('helped');
    expect(exitCode).toBe(0);
    expect(stderr).toContain(
      'its resolv.conf names only itself (127.0.0.53). Using 8.8.8.8, 8.8.4.4, 1.1.1.1 for this build',
    );
    expect(stderr).toContain('8.8.8.8, 8.8.4.4, 1.1.1.1 stay in its resolv.conf');
    const servers = ['8.8.8.8', '8.8.4.4', '1.1.1.1'].map(own).join('');
    expect(await shop.inside('helped', 'cat /during')).toBe(servers.trimEnd());

    // Also where all that is left to do is to check it.
    const checked = (of: string) =>
      imageToml('{ definition = "deaf" }', ['look', 'more'], `[[expect]]\ncommand = ["sh", "-c", "${of}"]\n`);
    const asks = 'grep -q 8.8.4.4 /etc/resolv.conf';
    await shop.define('asking', { 'image.toml': checked('false'), 'steps/look': look, 'steps/more': script('true') });
    expect(await shop.build('asking')).toMatchObject({ exitCode: 1 });
    await shop.define('asking', { 'image.toml': checked(asks) });
    expect(stagesOf(await shop.built('asking'))).toEqual(['look (kept)', 'more (kept)', 'check', 'publish']);

    // A step that puts it right has them go again.
    const mend = `umount /etc/resolv.conf; echo "nameserver ${publicServer}" >/etc/resolv.conf`;
    await shop.define('healed', {
      'image.toml': imageToml('{ definition = "deaf" }', ['look', 'mend']),
      'steps/look': look,
      'steps/mend': script(`${mend}; mount --bind /run/coi-build/resolv.conf /etc/resolv.conf`),
    });
    const healed = await shop.build('healed');
    expect(healed.stderr).toContain('the name servers of this build are gone');
  });
});
