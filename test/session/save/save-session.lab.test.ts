import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Problem } from '../../../src/base/problem.ts';
import { seed } from '../../helpers/random.ts';
import { until } from '../../lab/until.ts';
import { Box, uid } from './box.ts';
import { treeOf } from './tree.ts';

let box: Box;

beforeAll(async () => {
  box = await Box.open('save');
}, 120_000);

afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
}, 60_000);

const savedAt = (home: string, id = 'session') => join(home, '.coi/sessions-claude', id);
const reasons = ({
  leftOut,
}: {
  readonly leftOut: { readonly examples: readonly { readonly path: string; readonly reason: string }[] };
}) => Object.fromEntries(leftOut.examples.map(({ path, reason }) => [path, reason]));

const ordinary = `
mkdir -p .claude/projects/-workspace .config/opencode .config/other .cache
echo '{"theme":"dark"}' >.claude/settings.json
head -c 300000 /dev/urandom >.claude/projects/-workspace/session.jsonl
head -c 32768 /dev/urandom >.claude/projects/exact
: >.claude/empty
echo secret >.claude/.credentials.json
echo own >.claude/projects/.credentials.json
echo x >.config/opencode/opencode.json
echo x >.config/other/file
echo x >.cache/file
echo x >.bash_history
ln -s settings.json .claude/link
chmod 700 .claude/projects
chmod 755 .claude/projects/-workspace
chmod 640 .claude/settings.json
touch -d '2026-01-02 03:04:05' .claude/settings.json
`;

describe('A session', () => {
  test('comes back in another container as it was: content, links, permissions, times, owner', async () => {
    const home = await box.newHome('-whole');
    await box.stopped('whole', ordinary);
    const saved = await box.save('whole', { home });
    expect(saved).toMatchObject({ hadState: true, files: 6, leftOut: { count: 0 } });
    // It may go at once.
    await box.lab.incus('delete', 'whole');
    await box.create('again', 'mkdir -m 755 .claude; echo from-image >.claude/settings.json; echo kept >.claude/own');
    expect(await box.restore('again', { home })).toMatchObject({ files: 6, leftOut: { count: 0 } });

    const list = 'cd /home/code; find . -mindepth 1 | sort | while read -r f; do stat -c "%n %a %u:%g %F" "$f"; done';
    expect(await box.inside('again', list)).toBe(
      [
        './.claude 755 1000:1000 directory',
        './.claude/empty 644 1000:1000 regular empty file',
        './.claude/link 777 0:0 symbolic link',
        './.claude/own 644 1000:1000 regular file',
        './.claude/projects 700 1000:1000 directory',
        './.claude/projects/-workspace 755 1000:1000 directory',
        './.claude/projects/-workspace/session.jsonl 644 1000:1000 regular file',
        './.claude/projects/.credentials.json 644 1000:1000 regular file',
        './.claude/projects/exact 644 1000:1000 regular file',
        './.claude/settings.json 640 1000:1000 regular file',
        './.config 755 1000:1000 directory',
        './.config/opencode 755 1000:1000 directory',
        './.config/opencode/opencode.json 644 1000:1000 regular file',
      ].join('\n'),
    );
    const copy = treeOf(savedAt(home));
    const hash = copy.get('.claude/projects/-workspace/session.jsonl')!.content.split(' ')[1]!;
    const sum = await box.inside(
      'again',
      'cd /home/code/.claude; sha256sum projects/-workspace/session.jsonl; readlink link; cat settings.json own; stat -c %Y settings.json',
    );
    expect(sum.split('\n')).toEqual([
      expect.stringMatching(`^${hash}`),
      'settings.json',
      '{"theme":"dark"}',
      'kept',
      String(Date.parse('2026-01-02T03:04:05Z') / 1_000),
    ]);
  });

  test('is saved as its owner, with its metadata, and without what comes from elsewhere', async () => {
    const home = await box.newHome('-owner');
    await box.stopped('owner', ordinary);
    await box.save('owner', { home });
    const copy = treeOf(join(home, '.coi'));
    expect(new Set([...copy.values()].map((seen) => seen.uid))).toEqual(new Set([uid]));
    expect([...copy.keys()].filter((path) => /other|cache|history|claude\/\.credentials/.test(path))).toEqual([]);
    expect(copy.get('sessions-claude/session')).toMatchObject({ mode: 0o700 });
    expect(JSON.parse(readFileSync(join(savedAt(home), 'metadata.json'), 'utf8'))).toEqual({
      session_id: 'session',
      container_name: 'coi-bbb41b38-1',
      persistent: false,
      workspace: '/w',
      saved_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(await box.sessions(home).latest('/w')).toMatchObject({ id: 'session', hasData: true });
  });

  test('replaces the copy from before as a whole, also from a container that runs', async () => {
    const home = await box.newHome('-twice');
    await box.create('twice', ordinary);
    await box.save('twice', { home });
    await box.inside('twice', 'cd /home/code/.claude; rm -r projects; echo new >new');
    await box.save('twice', { home });
    expect(readdirSync(join(savedAt(home), '.claude')).toSorted()).toEqual(['empty', 'link', 'new', 'settings.json']);
    expect(readdirSync(join(home, '.coi/sessions-claude'))).toEqual(['session']);
  });

  test('whose state is gone inside keeps the copy from before', async () => {
    const home = await box.newHome('-gone');
    await box.create('gone', ordinary);
    await box.save('gone', { home });
    const before = treeOf(join(savedAt(home), '.claude'));
    await box.inside('gone', 'rm -r /home/code/.claude /home/code/.config');
    expect(await box.save('gone', { home })).toMatchObject({ hadState: false });
    await box.inside('gone', 'ln -s /etc /home/code/.claude; mv /home/code /home/moved; ln -s / /home/code');
    expect(await box.save('gone', { home })).toMatchObject({ hadState: false });
    expect(treeOf(join(savedAt(home), '.claude'))).toEqual(before);
  });

  test('that has no container any more is told so', async () => {
    await expect(box.save('nowhere')).rejects.toMatchObject({ class: 'gone' });
  });
});

describe('What a hostile container has', () => {
  test('leads nowhere on the host: links, fifos, devices, sockets, odd names, hard links, holes', async () => {
    const home = await box.newHome('-hostile');
    const target = join(box.lab.dir, 'target');
    mkdirSync(target);
    writeFileSync(join(target, 'file'), 'untouched');
    chownSync(target, uid, uid);
    chownSync(join(target, 'file'), uid, uid);
    const long = 'n'.repeat(255);
    await box.stopped(
      'hostile',
      `
mkdir -p .claude/directory; cd .claude
ln -s ${target}/file out
ln -s ${target} outdir
ln -s ../../../../../../../../../../../../../etc/passwd up
ln -s /proc/self/fd/0 proc
ln -s loop loop
ln -s metadata.json ../metadata.json
mkfifo fifo
echo one >first; ln first second
truncate -s 1000000000 sparse
printf end >>sparse
printf x >"$(printf 'line\\nbreak')"
printf x >"$(printf 'not\\377utf8')"
printf x >"$(printf '\\033[31mred')"
printf x >'-rf *'
printf x >${long}
printf x >metadata.json
mkdir .new-session-1-1 sessions-claude
echo x >unreadable; chmod 0 unreadable
echo x >special; chmod 6777 special
mkdir sticky; chmod 1000 sticky
`,
    );
    await box.asHost('hostile', 'cd .claude; mknod char c 1 5; mknod block b 7 0; chmod 666 char block');
    const saved = await box.save('hostile', { home });
    expect(reasons(saved)).toEqual({ '.claude/fifo': 'kind', '.claude/char': 'kind', '.claude/block': 'kind' });

    const root = savedAt(home);
    const copy = treeOf(join(root, '.claude'));
    const plain =
      'directory out outdir up proc loop first second sparse metadata.json .new-session-1-1 sessions-claude';
    const odd = ['line\nbreak', 'not\u00ffutf8', '\u001b[31mred', '-rf *', long, 'unreadable', 'special', 'sticky'];
    expect([...copy.keys()].toSorted()).toEqual(plain.split(' ').concat(odd).toSorted());
    expect(copy.get('out')).toMatchObject({ kind: 'symlink', content: `${target}/file` });
    expect(copy.get('up')).toMatchObject({ kind: 'symlink' });
    expect([copy.get('unreadable')?.mode, copy.get('special')?.mode, copy.get('sticky')?.mode]).toEqual([
      0o600, 0o777, 0o700,
    ]);
    expect([...copy.values()].every((seen) => seen.uid === uid)).toBe(true);
    expect(statSync(join(root, '.claude/first')).nlink).toBe(1);
    const { size, blocks } = statSync(join(root, '.claude/sparse'));
    expect(size).toBe(1_000_000_003);
    expect(blocks * 512).toBeLessThan(2 ** 20);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('untouched');
    expect(readdirSync(target)).toEqual(['file']);

    await box.create('hostile-again');
    const restored = await box.restore('hostile-again', { home });
    expect(restored).toMatchObject({ leftOut: { count: 0 } });
    const names =
      'cd /home/code/.claude; ls -A | wc -l; readlink out; cat out 2>/dev/null || echo nothing; stat -c "%s %b" sparse';
    const [, link, content, sparse] = (await box.inside('hostile-again', names)).split('\n');
    expect([link, content]).toEqual([`${target}/file`, 'nothing']);
    expect(sparse).toMatch(/^1000000003 \d{1,4}$/);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('untouched');
  });

  test('may be called anything: names of any bytes come back byte for byte', async () => {
    const home = await box.newHome('-names');
    const anyName = fc
      .uint8Array({ minLength: 1, maxLength: 254 })
      // A shell's substitution loses line breaks at the end.
      .map((bytes) =>
        Buffer.concat([
          Buffer.from(bytes).map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte)),
          Buffer.from('x'),
        ]),
      );
    const names = new Map(fc.sample(anyName, { numRuns: 200, seed }).map((name) => [name.toString('latin1'), name]));
    const octal = (name: Buffer) => [...name].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const lines = [...names.values()].map((name) => `: >"$(printf '${octal(name)}')"`);
    await box.create('names', 'mkdir .claude');
    const input = `cd /home/code/.claude\n${lines.join('\n')}\n`;
    await box.lab.inside.output(['incus', 'exec', 'names', '--', 'sh', '-eu'], { input });
    await box.stop('names');
    expect(await box.save('names', { home })).toMatchObject({ files: names.size, leftOut: { count: 0 } });
    const saved = readdirSync(join(savedAt(home), '.claude'), { encoding: 'latin1' });
    expect(saved.toSorted()).toEqual([...names.keys()].toSorted());
    await box.create('names-again');
    expect(await box.restore('names-again', { home })).toMatchObject({ files: names.size, leftOut: { count: 0 } });
    const inside = await box.inside(
      'names-again',
      'cd /home/code/.claude; find . -type f -print0 | LC_ALL=C sort -z | sha256sum',
    );
    const listed = [...names.keys()].toSorted().map((name) => Buffer.from(`./${name}\0`, 'latin1'));
    expect(inside.split(' ')[0]).toBe(createHash('sha256').update(Buffer.concat(listed)).digest('hex'));
  });

  test('is left out beyond the limits, the largest first and what is deep at last', async () => {
    const home = await box.newHome('-limits');
    await box.stopped(
      'limits',
      `
mkdir -p .claude/many; cd .claude
head -c 3000000 /dev/urandom >big
truncate -s 8000000000000 endless
echo small >small
i=0; while [ $i -lt 500 ]; do : >many/$i; i=$((i + 1)); done
d=.; i=0; while [ $i -lt 30 ]; do d=$d/d; i=$((i + 1)); done; mkdir -p $d; echo deep >$d/file
`,
    );
    const saved = await box.save('limits', { home, limits: { maxBytes: 2_000_000, maxEntries: 300 } });
    expect(reasons(saved)).toMatchObject({
      '.claude/big': 'too-large',
      '.claude/endless': 'too-large',
      '.claude/many': 'too-many',
    });
    expect(saved.leftOut.count).toBeLessThan(10);
    const copy = treeOf(join(savedAt(home), '.claude'));
    expect(copy.size).toBeLessThanOrEqual(300);
    expect(copy.get('small')).toBeDefined();
    expect(await box.sessions(home).find('session')).toMatchObject({ leftOut: saved.leftOut.count });
    const flat = await box.save('limits', { home, limits: { maxBytes: 2_000_000, maxDepth: 10 } });
    expect(Object.values(reasons(flat)).toSorted()).toEqual(['too-deep', 'too-large', 'too-large']);
    expect(flat.files).toBe(501);
  });

  test('may be deeper and longer than any path', async () => {
    const home = await box.newHome('-deep');
    const name = 'd'.repeat(250);
    await box.create('deep');
    await box.inside(
      'deep',
      `cd /tmp; mkdir a; echo x >a/file
i=0; while [ $i -lt 60 ]; do mkdir b; echo x >b/file; mv a b/${name}; mv b a; i=$((i + 1)); done
mv a /home/code/.claude`,
    );
    await box.stop('deep');
    const saved = await box.save('deep', { home });
    // Where the container's own system refuses paths, nobody can follow.
    expect(saved.leftOut.count).toBeGreaterThan(0);
    expect(saved.files).toBeGreaterThan(10);
    expect(await box.sessions(home).remove('session')).toBe(true);
    expect(readdirSync(join(home, '.coi/sessions-claude'))).toEqual([]);
  });

  test('may change while it is saved', async () => {
    const home = await box.newHome('-changing');
    const target = join(box.lab.dir, 'changing-target');
    writeFileSync(target, 'untouched');
    chownSync(target, uid, uid);
    await box.create(
      'changing',
      'mkdir .claude; i=0; while [ $i -lt 200 ]; do head -c 50000 /dev/urandom >.claude/$i; i=$((i + 1)); done',
    );
    await box.inside(
      'changing',
      `cd /home/code/.claude
cat >/change <<'END'
i=0
while :; do
  i=$(((i + 7) % 200))
  rm -rf $i; ln -s ${target} $i
  rm -rf $i; mkdir $i; echo x >$i/file
  rm -rf $i; head -c 90000 /dev/urandom >$i; head -c 10 /dev/urandom >$i
done
END
setsid sh /change >/dev/null 2>&1 &`,
    );
    for (let run = 0; run < 5; run += 1) {
      expect(await box.save('changing', { home })).toMatchObject({ hadState: true });
      expect(readdirSync(join(home, '.coi/sessions-claude'))).toEqual(['session']);
    }
    expect(readFileSync(target, 'utf8')).toBe('untouched');
    await box.stop('changing');
    expect(await box.save('changing', { home })).toMatchObject({ hadState: true });
  });
});

describe('The copy from before is as it was', () => {
  const state =
    'mkdir .claude; head -c 8000000 /dev/urandom >.claude/big; i=0; while [ $i -lt 300 ]; do echo $i >.claude/$i; i=$((i + 1)); done';

  async function small(name: string, options: string): Promise<string> {
    const home = await box.newHome(name);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=755,uid=${uid},gid=${uid},${options}`, 'tmpfs', home]);
    return home;
  }

  test.each([
    { disk: 'a disk without room for it', options: 'size=6m' },
    { disk: 'a disk that fills up while it is written', options: 'size=64m,nr_inodes=100' },
  ])('on $disk', async ({ options }) => {
    const name = `full-${options.length}`;
    const home = await small(`-${name}`, options);
    try {
      await box.create(name, 'mkdir .claude; echo old >.claude/file');
      await box.save(name, { home });
      const before = treeOf(join(home, '.coi'));
      await box.inside(name, `cd /home/code; rm -r .claude; ${state}`);
      await box.stop(name);
      const failed = box.save(name, { home });
      await expect(failed).rejects.toMatchObject({
        code: 'session.disk-full',
        retry: 'backoff',
        hint: expect.any(String),
      });
      expect(treeOf(join(home, '.coi'))).toEqual(before);
      await box.create(`${name}-again`);
      expect(await box.restore(`${name}-again`, { home })).toMatchObject({ files: 1 });
      execFileSync('mount', ['-o', 'remount,size=64m,nr_inodes=1000', home]);
      expect(await box.save(name, { home })).toMatchObject({ hadState: true, files: 301 });
    } finally {
      execFileSync('umount', [home]);
    }
  });

  test('when the save is called off, and nothing half-written stays', async () => {
    const home = await box.newHome('-off');
    await box.stopped('off', state);
    await box.save('off', { home });
    const before = treeOf(join(home, '.coi'));
    const directory = join(home, '.coi/sessions-claude');
    for (const isBegun of [false, true, true]) {
      const controller = new AbortController();
      const save = box.save('off', { home, signal: controller.signal }).then(
        () => 'saved',
        (error: unknown) => error,
      );
      if (isBegun) await until('a new copy', () => readdirSync(directory).length > 1, { everyMs: 1 });
      controller.abort(new Error('called off'));
      expect(['saved', new Error('called off')]).toContainEqual(await save);
      expect(readdirSync(directory)).toEqual(['session']);
    }
    expect(treeOf(join(savedAt(home), '.claude'))).toEqual(
      new Map(
        [...before].flatMap(([path, seen]) => {
          const [, inner] = path.split('sessions-claude/session/.claude/');
          return inner === undefined ? [] : [[inner, seen]];
        }),
      ),
    );
  });

  test('or is the new one when the process is killed at any moment, and the next save cleans up', async () => {
    const home = await box.newHome('-killed');
    const fill = (content: string) => `cd /home/code/.claude; for file in [0-9]*; do echo ${content} >$file; done`;
    await box.create('killed', state);
    await box.inside('killed', fill('start'));
    await box.save('killed', { home });
    const whole = treeOf(join(savedAt(home), '.claude')).size;
    const outcomes: (string | undefined)[] = [];
    for (let round = 0; round < 8; round += 1) {
      await box.inside('killed', fill(String(round)));
      let hasEnded = false;
      const save = box
        .save('killed', { home })
        .then(
          () => undefined,
          ({ code }: Problem) => code,
        )
        .finally(() => (hasEnded = true));
      // At first as soon as there is one, later when so much of the new copy is there.
      const isSoFar = () => (round === 0 ? ownerProcesses().length > 0 : newlyCopied(home) >= (round * whole) / 8);
      await until('the save to be so far', () => hasEnded || isSoFar(), { everyMs: 1, timeoutMs: 60_000 });
      for (const pid of ownerProcesses()) process.kill(pid, 'SIGKILL');
      outcomes.push(await save);
      expect(await box.sessions(home).find('session')).toMatchObject({ hasData: true });
      // Whatever changes sessions next cleans up.
      await box.sessions(home).remove('none');
      expect(readdirSync(join(home, '.coi/sessions-claude'))).toEqual(['session']);
      const copy = treeOf(join(savedAt(home), '.claude'));
      const contents = [...copy].flatMap(([path, { content }]) => (path === 'big' ? [] : [content]));
      expect({ size: copy.size, contents: new Set(contents).size }).toEqual({ size: whole, contents: 1 });
    }
    expect(outcomes).toContain('session.process');
    expect(new Set(outcomes).difference(new Set(['session.process', undefined]))).toEqual(new Set());
  });
});

/** How many files and directories a copy has that is being made. */
function newlyCopied(home: string): number {
  const sessions = join(home, '.coi/sessions-claude');
  const fresh = readdirSync(sessions).find((name) => name.startsWith('.new-'));
  return fresh === undefined ? -1 : readdirSync(join(sessions, fresh), { recursive: true }).length;
}

/** Processes of ours that read and write sessions. */
function ownerProcesses(): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return words.some((word) => word.endsWith('/save/owner-process.ts')) && parent === String(process.pid)
        ? [Number(pid)]
        : [];
    } catch {
      // It has ended.
      return [];
    }
  });
}

describe('A hostile home', () => {
  test('does not have a save write through links, whatever the place', async () => {
    const home = await box.newHome('-links');
    const target = join(box.lab.dir, 'links-target');
    mkdirSync(target);
    writeFileSync(join(target, 'file'), 'untouched');
    chownSync(target, uid, uid);
    await box.stopped('links', 'mkdir .claude; echo x >.claude/file');
    symlinkSync(target, join(home, '.coi'));
    await expect(box.save('links', { home })).rejects.toMatchObject({ code: 'session.link' });
    rmSync(join(home, '.coi'));
    mkdirSync(join(home, '.coi'));
    chownSync(join(home, '.coi'), uid, uid);
    symlinkSync(target, join(home, '.coi/sessions-claude'));
    await expect(box.save('links', { home })).rejects.toMatchObject({ code: 'session.link' });
    rmSync(join(home, '.coi/sessions-claude'));
    mkdirSync(join(home, '.coi/sessions-claude'));
    chownSync(join(home, '.coi/sessions-claude'), uid, uid);
    symlinkSync(target, savedAt(home));
    await box.save('links', { home });
    expect(lstatSync(savedAt(home)).isDirectory()).toBe(true);
    expect(readdirSync(target)).toEqual(['file']);
  });

  test('is not read through links, and not waited for', async () => {
    const home = await box.newHome('-planted');
    await box.stopped('planted', 'mkdir -p .claude/sub; echo x >.claude/file; echo x >.claude/sub/file');
    await box.save('planted', { home });
    const secret = join(box.lab.dir, 'secret');
    mkdirSync(secret);
    writeFileSync(join(secret, 'file'), 'secret');
    const claude = join(savedAt(home), '.claude');
    rmSync(join(claude, 'file'));
    rmSync(join(claude, 'sub'), { recursive: true });
    symlinkSync(join(secret, 'file'), join(claude, 'file'));
    symlinkSync(secret, join(claude, 'sub'));
    execFileSync('mkfifo', [join(claude, 'fifo')]);
    writeFileSync(join(claude, 'roots'), 'of root', { mode: 0o600 });
    await box.create('planted-again');
    expect(reasons(await box.restore('planted-again', { home }))).toEqual({
      '.claude/fifo': 'kind',
      '.claude/roots': 'unreadable',
    });
    expect(
      await box.inside('planted-again', 'cd /home/code; grep -r secret . || echo none; readlink .claude/sub'),
    ).toBe(`none\n${secret}`);
  });

  test('that does not let go of an old copy gets the new one all the same', async () => {
    const home = await box.newHome('-stuck');
    await box.create('stuck', 'mkdir .claude; echo old >.claude/file');
    await box.save('stuck', { home });
    execFileSync('chmod', ['-R', 'a-w', savedAt(home)]);
    await box.inside('stuck', 'echo new >/home/code/.claude/file');
    await box.save('stuck', { home });
    expect(readdirSync(join(home, '.coi/sessions-claude'))).toEqual(['session']);
    mkdirSync(join(savedAt(home), 'roots'));
    writeFileSync(join(savedAt(home), 'roots/file'), '');
    await box.inside('stuck', 'echo newer >/home/code/.claude/file');
    for (let run = 0; run < 2; run += 1) await box.save('stuck', { home });
    expect(readFileSync(join(savedAt(home), '.claude/file'), 'utf8')).toBe('newer\n');
    expect((await box.sessions(home).list()).map(({ id }) => id)).toEqual(['session']);
    await box.sessions(home).removeAll();
    expect(await box.sessions(home).list()).toEqual([]);
  });

  test('that root may write to and its owner may not gets nothing', async () => {
    const home = await box.newHome('-denied');
    await box.stopped('denied', 'mkdir .claude; echo x >.claude/file');
    chownSync(home, 0, 0);
    await expect(box.save('denied', { home })).rejects.toMatchObject({ code: 'session.unreadable' });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('A session is not restored', () => {
  test('from another workspace, from nowhere, or into a container without the home', async () => {
    const home = await box.newHome('-refused');
    await box.stopped('refused', 'mkdir .claude; echo x >.claude/file');
    await box.save('refused', { home });
    await box.create('refused-again');
    const restore = (init: object) => box.restore('refused-again', { home, ...init });
    await expect(restore({ workspace: '/other' })).rejects.toMatchObject({ code: 'session.other-workspace' });
    await expect(restore({ id: 'none' })).rejects.toMatchObject({ code: 'session.unknown' });
    await expect(restore({ id: '../session' })).rejects.toMatchObject({ code: 'session.id' });
    await box.inside('refused-again', 'rm -r /home/code');
    await expect(restore({})).rejects.toMatchObject({ code: 'session.no-guest-home' });
    expect(existsSync(savedAt(home))).toBe(true);
  });
});
