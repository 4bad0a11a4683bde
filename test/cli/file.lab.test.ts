import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderStamp } from '../../src/plan/stamp.ts';
import { createContainer } from '../lab/create.ts';
import { until } from '../lab/until.ts';
import { treeOf } from '../session/save/tree.ts';
import { FileDesk, userId } from './file-desk.ts';

let desk: FileDesk;

beforeAll(async () => {
  desk = await FileDesk.open('file');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const at = (name: string) => join(desk.here, name);
/** Names that begin as what is not complete does. */
const unfinished = (names: readonly string[]) => names.filter((name) => name.startsWith('.coi-'));

describe('coi file push', () => {
  it('copies a file under the name that was asked for, or into a directory, over what is there', async () => {
    await desk.host(
      'head -c 300001 /dev/urandom >"a file"; chmod 750 "a file"; touch -d 2026-01-02T03:04:05Z "a file"',
    );
    await desk.inside('mkdir "/tmp/a dir"');
    for (const target of ['/tmp/another name', '/tmp/a dir', 'tmp/a dir/', '/tmp//./third']) {
      const { exitCode, stdout, stderr } = await desk.user('file', 'push', 'a file', `coi-box:${target}`);
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 0,
        stdout: '',
        stderr: expect.stringMatching(/^Pushed 1 file \(293\.0 KiB\) to coi-box:\/tmp\//),
      });
    }
    const list =
      'cd /tmp; for f in "another name" "a dir/a file" third; do stat -c "%a %u:%g %Y" "$f"; sha256sum <"$f"; done';
    const each = [`750 0:0 ${Date.parse('2026-01-02T03:04:05Z') / 1_000}`, `${hash(at('a file'))}  -`];
    expect((await desk.inside(list)).split('\n')).toEqual([...each, ...each, ...each]);
    expect(await desk.inside('ls -A /tmp "/tmp/a dir" | grep -c "^.coi-" || true')).toBe('0');

    await desk.inside('chown 1000:1001 /tmp/third; chmod 600 /tmp/third; ln /tmp/third /tmp/other');
    await desk.host('echo new >"a file"');
    expect(await desk.user('file', 'push', 'a file', 'coi-box:/tmp/third')).toMatchObject({ exitCode: 0 });
    // Who had the old one open, or knows it by another name, still has it.
    expect(await desk.inside('cat /tmp/third; stat -c "%a %u:%g" /tmp/third; wc -c </tmp/other')).toBe(
      'new\n750 1000:1001\n300001',
    );
  });

  it('copies a directory with all that is in it, into one that is there or as what was asked for', async () => {
    await desk.host(
      `mkdir -p "tree/sub dir/deeper" tree/empty; cd tree
printf '\\0\\1\\377' >binary; : >nothing; head -c 98304 /dev/urandom >"sub dir/borders"; echo x >"sub dir/deeper/$(printf '\\377\\n')"
ln -s ../../../etc/passwd "sub dir/link"; ln -s nowhere dangling; chmod 700 "sub dir"; chmod 444 binary; chmod 4755 nothing`,
    );
    await desk.inside('mkdir -p /tmp/there');
    const pushed = await desk.user('file', 'push', '-r', 'tree', 'coi-box:/tmp/asked for');
    expect(pushed).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/^Pushed 4 files and 2 links \(/) });
    expect(await desk.user('file', 'push', '-r', 'tree', 'coi-box:/tmp/there')).toMatchObject({ exitCode: 0 });
    expect(await desk.user('file', 'push', '-r', 'tree/.', 'coi-box:/tmp/contents')).toMatchObject({ exitCode: 0 });
    const source = withoutOwner(treeOf(at('tree')));
    expect(source.get('nothing')).toMatchObject({ mode: 0o4755 });
    source.set('nothing', { ...source.get('nothing')!, mode: 0o755 });
    for (const target of ['asked for', 'there/tree', 'contents']) {
      expect(withoutOwner(treeOf(join(desk.rootOf(), 'tmp', target)))).toEqual(source);
    }
    expect(await desk.inside('find /tmp/there ! -user 0 -o ! -group 0')).toBe('');
  });

  it('merges into what is there, deletes nothing, and says what it did as JSON', async () => {
    await desk.host('mkdir -p merge/sub; echo new >merge/file; echo new >merge/sub/file; ln -s new merge/link');
    await desk.inside(
      'mkdir -p /srv/merge/sub; cd /srv/merge; chmod 750 .; chown 1000:1000 .; echo own >own; echo own >sub/own; echo old >file; chown 7:8 file; ln -s old link',
    );
    const pushed = await desk.user('file', 'push', '-r', 'merge', 'coi-box:/srv', '--format', 'json');
    expect({ ...pushed, stdout: JSON.parse(pushed.stdout) }).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: {
        container: 'coi-box',
        source: 'merge',
        target: 'coi-box:/srv/merge',
        files: 2,
        links: 1,
        bytes: 8,
        left_out: 0,
        missing: [],
      },
    });
    expect(
      await desk.inside('cd /srv/merge; cat own sub/own file sub/file; readlink link; stat -c "%a %u:%g" . file'),
    ).toBe('own\nown\nnew\nnew\nnew\n750 1000:1000\n644 7:8');
  });

  it('gives files to whom it is told, with the permissions it is told', async () => {
    await desk.host('mkdir -p given; echo x >given/file; chmod 700 given');
    expect(
      await desk.user('file', 'push', '-r', '--uid=1000', '--mode=0640', 'given', 'coi-box:/home/code/'),
    ).toMatchObject({ exitCode: 0 });
    expect(await desk.user('file', 'push', '--uid', '7', '--gid', '8', 'given/file', 'coi-box:/tmp/gid')).toMatchObject(
      {
        exitCode: 0,
      },
    );
    const list = 'stat -c "%a %u:%g" /home/code/given /home/code/given/file /tmp/gid';
    expect(await desk.inside(list)).toBe('700 1000:1000\n640 1000:1000\n644 7:8');
  });

  it('leaves what is of another kind, copies the rest and says so', async () => {
    await desk.host(
      'mkdir -p kinds/dir kinds/file2; echo x >kinds/file; echo x >kinds/fine; echo x >kinds/dir/x; mkfifo kinds/fifo',
    );
    await desk.inside(
      'mkdir -p /srv/kinds/file; echo own >/srv/kinds/file/own; echo own >/srv/kinds/dir; ln -s dir /srv/kinds/file2',
    );
    const { exitCode, stderr } = await desk.user('file', 'push', '-r', 'kinds/.', 'coi-box:/srv/kinds');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^coi: Pushed 1 file, but not 4 things:\n/);
    for (const line of [
      '/srv/kinds/dir: something of another kind is in its place',
      '/srv/kinds/file: something of another kind is in its place',
      '/srv/kinds/file2: something of another kind is in its place',
      '/srv/kinds/fifo: it is neither file, directory nor link',
    ])
      expect(stderr).toContain(`\n  ${line}\n`);
    expect(await desk.inside('cd /srv/kinds; cat file/own dir fine; readlink file2; ls -A')).toBe(
      'own\nown\nx\ndir\ndir\nfile\nfile2\nfine',
    );
    const one = await desk.user('file', 'push', 'kinds/file', 'coi-box:/srv/kinds/file2');
    expect(one).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Cannot copy /srv/kinds/file2: something of another kind'),
    });
  });

  it('follows no link of the host, and reads nothing that this user may not', async () => {
    writeFileSync(at('../secret'), 'secret', { mode: 0o600 });
    await desk.host('mkdir -p links; cd links; ln -s /etc/passwd link; ln -s /etc dir; ln -s ../../secret secret');
    const link = await desk.user('file', 'push', 'links/link', 'coi-box:/tmp/link');
    expect(link).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('is a link, and links of this host are not followed'),
    });
    expect(await desk.user('file', 'push', '-r', 'links', 'coi-box:/tmp')).toMatchObject({ exitCode: 0 });
    expect(
      await desk.inside(
        'cd /tmp/links; for each in link dir secret; do readlink $each; done; test -e /tmp/link || echo none',
      ),
    ).toMatch(/^\/etc\/passwd\n\/etc\n\.\.\/\.\.\/secret\nnone$/);
    // Unless a slash says so: then under the name that was typed.
    await desk.host('mkdir -p real; echo x >real/file; ln -s real typed');
    expect(await desk.user('file', 'push', '-r', 'typed/', 'coi-box:/tmp')).toMatchObject({ exitCode: 0 });
    expect(await desk.inside('cat /tmp/typed/file')).toBe('x');
    const denied = await desk.user('file', 'push', '../secret', 'coi-box:/tmp/secret');
    expect(denied).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('it cannot be read here') });
    expect(await desk.inside('ls -A /tmp | grep -e "^secret" -e "^.coi-" || echo none')).toBe('none');
  });

  it('is called off without a trace: the old file stands until the new one is complete', async () => {
    // So much that there is time for some looks inside.
    await desk.host('head -c 1500000000 /dev/zero | tr "\\0" x >endless');
    await desk.inside('mkdir /srv/off; echo old >/srv/off/file');
    const pushing = desk.start('file', 'push', 'endless', 'coi-box:/srv/off/file');
    const isBegun = async () =>
      /^old\n[^]*\.coi-/.test(await desk.inside('cat /srv/off/file | head -c 4; ls -A /srv/off'));
    await until('some of it to be there', isBegun, { everyMs: 2 });
    process.kill(pushing.pid, 'SIGTERM');
    expect(await pushing.ended).toMatchObject({ exitCode: 143 });
    expect(await desk.inside('cd /srv/off; cat file; ls -A')).toBe('old\nfile');
  });

  it('says when the disk inside is full, and what was there before is as it was', async () => {
    await desk.inside('mkdir -p /small; mount -t tmpfs -o size=2m tmpfs /small; echo old >/small/file');
    await desk.host('head -c 8000000 /dev/urandom >large');
    const full = await desk.user('file', 'push', 'large', 'coi-box:/small/file');
    expect(full).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^coi: The disk of coi-box is full: .*no space left/),
    });
    expect(await desk.inside('cat /small/file; ls -A /small; umount /small')).toBe('old\nfile');
  });
});

/** Owners differ between here and inside. */
function withoutOwner(tree: ReturnType<typeof treeOf>) {
  return new Map([...tree].map(([path, seen]) => [path, { ...seen, uid: 0 }]));
}

describe('coi file pull', () => {
  it('copies a file as the user who asks, under the name that was asked for, over what is there', async () => {
    await desk.inside(
      'mkdir -p /data; head -c 300001 /dev/urandom >"/data/a b"; chmod 4777 "/data/a b"; ln -s "a b" /data/link',
    );
    await desk.host('mkdir -p pulled; echo old >pulled/over; echo kept >pulled/own');
    for (const target of ['pulled/name', 'pulled', 'pulled/over']) {
      const { exitCode, stdout, stderr } = await desk.user('file', 'pull', 'coi-box:/data/a b', target);
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 0,
        stdout: '',
        stderr: expect.stringMatching(/^Pulled 1 file \(293\.0 KiB\) to pulled/),
      });
    }
    // A link that is named is followed, inside.
    expect(await desk.user('file', 'pull', 'coi-box:/data/link', 'pulled/linked')).toMatchObject({ exitCode: 0 });
    const wanted = (await desk.inside('sha256sum <"/data/a b"')).split(' ')[0];
    for (const name of ['name', 'a b', 'over', 'linked']) {
      expect(hash(at(`pulled/${name}`))).toBe(wanted);
      const { uid, gid, mode } = statSync(at(`pulled/${name}`));
      expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: userId, gid: userId, mode: 0o755 });
    }
    expect(readdirSync(at('pulled')).toSorted()).toEqual(['a b', 'linked', 'name', 'over', 'own']);
  });

  it('copies what says nothing of its size', async () => {
    expect(await desk.user('file', 'pull', 'coi-box:/proc/version', 'version')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('version'), 'utf8')).toMatch(/^Linux version /);
  });

  it('merges a directory into what is there: the target is as asked for, and siblings are untouched', async () => {
    await desk.inside(
      `mkdir -p "/data/tree/sub dir/deeper" /data/tree/empty; cd /data/tree; ln -s ../../../etc/passwd "sub dir/link"
printf '\\0\\1\\377' >binary; head -c 98304 /dev/urandom >"sub dir/borders"; echo x >"sub dir/deeper/$(printf '\\377\\n')"
chmod 2770 "sub dir"; chmod 500 empty; chown -hR 1000:1000 .`,
    );
    await desk.host(
      'mkdir -p into/tree/sub\\ dir; echo own >into/own; echo own >into/tree/own; echo old >into/tree/binary; ln -s x "into/tree/sub dir/link"',
    );
    for (const target of ['into', 'fresh', 'into/']) {
      expect(await desk.user('file', 'pull', '-r', 'coi-box:/data/tree', target)).toMatchObject({ exitCode: 0 });
    }
    expect(await desk.user('file', 'pull', '-r', 'coi-box:/data/tree/.', 'into')).toMatchObject({ exitCode: 0 });
    const source = withoutOwner(treeOf(join(desk.rootOf(), 'data/tree')));
    // As the umask of this process has it.
    for (const [path, seen] of source)
      if (seen.kind !== 'symlink') source.set(path, { ...seen, mode: seen.mode & 0o755 });
    expect(withoutOwner(treeOf(at('fresh')))).toEqual(source);
    const merged = withoutOwner(treeOf(at('into/tree')));
    expect(merged.get('own')?.content).toMatch(/^4 /);
    merged.delete('own');
    expect(merged).toEqual(source.set('sub dir', { ...source.get('sub dir')!, mode: 0o755 }));
    expect(readdirSync(at('into')).toSorted()).toEqual(['binary', 'empty', 'own', 'sub dir', 'tree']);
    expect(readFileSync(at('into/own'), 'utf8')).toBe('own\n');
    expect(new Set([...treeOf(at('into')).values()].map(({ uid }) => uid))).toEqual(new Set([userId]));
    await desk.host('chmod 700 into/empty into/tree/empty fresh/empty');
  });

  it('leaves what is of another kind, copies the rest and says so, as JSON too', async () => {
    await desk.inside(
      'mkdir -p /data/kinds/dir /data/kinds/dir2; cd /data/kinds; echo x >file; echo x >fine; echo x >dir/x; echo x >dir2/x; mkfifo fifo',
    );
    await desk.host(
      'mkdir -p other mixed/file; echo own >mixed/file/own; echo own >mixed/dir; ln -s ../other mixed/dir2',
    );
    const { exitCode, stdout, stderr } = await desk.user(
      'file',
      'pull',
      '-r',
      '--format=json',
      'coi-box:/data/kinds/.',
      'mixed',
    );
    expect(exitCode).toBe(1);
    const { missing, ...counts } = JSON.parse(stdout) as { missing: { path: string; reason: string }[] };
    expect(counts).toMatchObject({ files: 1, left_out: 4 });
    expect(Object.fromEntries(missing.map(({ path, reason }) => [path, reason]))).toEqual({
      '/data/kinds/dir': 'exists',
      '/data/kinds/dir2': 'exists',
      '/data/kinds/file': 'exists',
      '/data/kinds/fifo': 'kind',
    });
    expect(stderr).toContain('Pulled 1 file, but not 4 things:');
    expect(readdirSync(at('mixed')).toSorted()).toEqual(['dir', 'dir2', 'file', 'fine']);
    expect(readFileSync(at('mixed/dir'), 'utf8') + readFileSync(at('mixed/file/own'), 'utf8')).toBe('own\nown\n');
    expect(readdirSync(at('other'))).toEqual([]);
  });

  it('goes through no link of the host, for a file, a directory or below one', async () => {
    await desk.inside('mkdir -p /data/out/sub; echo x >/data/out/sub/file; echo x >/data/out/file');
    await desk.host(
      'mkdir -p elsewhere planted; echo own >elsewhere/file; ln -s ../elsewhere planted/sub; ln -s ../elsewhere/file planted/file; ln -s elsewhere dirlink',
    );
    const pull = (...argv: string[]) => desk.user('file', 'pull', ...argv);
    expect(await pull('-r', 'coi-box:/data/out/.', 'planted')).toMatchObject({ exitCode: 1 });
    expect(await pull('coi-box:/data/out/file', 'planted/file')).toMatchObject({ exitCode: 1 });
    const refused = await pull('coi-box:/data/out/file', 'dirlink');
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('or for a directory: dirlink/'),
    });
    expect(readdirSync(at('elsewhere'))).toEqual(['file']);
    expect(readFileSync(at('elsewhere/file'), 'utf8')).toBe('own\n');
    expect(readlinkSync(at('planted/file'))).toBe('../elsewhere/file');
    expect(await pull('coi-box:/data/out/file', 'dirlink/')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('elsewhere/file'), 'utf8')).toBe('x\n');
  });

  it('takes no more than anybody means, unless told to, and begins nothing that it would not end', async () => {
    await desk.inside(
      'mkdir -p /data/huge; truncate -s 100000000000 /data/huge/file; mkdir /data/deep; cd /data/deep; i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i + 1)); done; echo x >file',
    );
    for (const argv of [
      ['coi-box:/data/huge/file', 'huge'],
      ['-r', 'coi-box:/data/huge', 'huge'],
      ['-r', 'coi-box:/data/deep', 'deep'],
    ]) {
      const refused = await desk.user('file', 'pull', ...argv);
      expect(refused).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/is too much to copy: .*\n.*--no-limits/),
      });
    }
    expect([existsSync(at('huge')), existsSync(at('deep'))]).toEqual([false, false]);
    expect(await desk.user('file', 'pull', '-r', '--no-limits', 'coi-box:/data/deep', 'deep')).toMatchObject({
      exitCode: 0,
    });
    expect(await desk.host('cat "deep/$(printf "d/%.0s" $(seq 300))file"')).toBe('x');
  });

  it('is called off without a trace: the old file stands until the new one is complete', async () => {
    await desk.inside('head -c 400000000 /dev/zero | tr "\\0" x >/data/large');
    await desk.host('mkdir -p off; echo old >off/large');
    const pulling = desk.start('file', 'pull', 'coi-box:/data/large', 'off/large');
    await until('some of it to be there', () => readdirSync(at('off')).length > 1, { everyMs: 2 });
    expect(readFileSync(at('off/large'), 'utf8')).toBe('old\n');
    expect(unfinished(readdirSync(at('off')))).toHaveLength(1);
    process.kill(pulling.pid, 'SIGINT');
    expect(await pulling.ended).toMatchObject({ exitCode: 130 });
    expect(readdirSync(at('off'))).toEqual(['large']);
    expect(readFileSync(at('off/large'), 'utf8')).toBe('old\n');
  });

  it('says when the disk here is full, and what was there before is as it was', async () => {
    const small = at('small');
    mkdirSync(small);
    const { inside } = desk.lab;
    await inside.output(['mount', '-t', 'tmpfs', '-o', `size=2m,mode=755,uid=${userId}`, 'tmpfs', small]);
    try {
      await desk.host('echo old >small/file');
      await desk.inside('head -c 8000000 /dev/urandom >/data/larger');
      const full = await desk.user('file', 'pull', 'coi-box:/data/larger', 'small/file');
      expect(full).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^coi: This host's disk refuses: .*no space left/i),
      });
      expect(await desk.host('cat small/file; ls -A small')).toBe('old\nfile');
    } finally {
      await inside.output(['umount', small]);
    }
  });

  it('may be told other things each time by what changes inside, and takes nothing but files, links and directories', async () => {
    await desk.inside(
      `mkdir -p /data/changing; cat >/change <<'END'
i=0
while [ -e /change ]; do
  i=$(((i + 7) % 40)); cd /data/changing
  rm -rf $i; ln -s /etc/passwd $i
  rm -rf $i; mkdir $i; echo x >$i/file
  rm -rf $i; head -c 90000 /dev/zero >$i
done
END
setsid sh /change >/dev/null 2>&1 &`,
    );
    for (let run = 0; run < 4; run += 1) {
      const { exitCode } = await desk.user('file', 'pull', '-r', 'coi-box:/data/changing/.', 'changing/');
      // Without a directory to go to, then as what is there allows.
      expect([0, 1]).toContain(exitCode);
      await desk.host('mkdir -p changing');
    }
    await desk.inside('rm /change');
    const seen = treeOf(at('changing'));
    expect([...seen.values()].filter(({ kind, mode }) => kind === 'other' || mode & 0o7000)).toEqual([]);
    expect(unfinished([...seen.keys()])).toEqual([]);
  });
});

describe('coi file', () => {
  it.each([
    {
      what: 'a target without a colon',
      argv: ['push', 'x', 'coi-box'],
      code: 2,
      says: 'names no place in a container',
    },
    {
      what: 'a target without a path',
      argv: ['push', 'x', 'coi-box:'],
      code: 2,
      says: 'names no place in a container',
    },
    {
      what: 'a source without a colon',
      argv: ['pull', 'coi-box', 'x'],
      code: 2,
      says: 'names no place in a container',
    },
    { what: 'a directory without -r', argv: ['push', '.', 'coi-box:/tmp'], code: 2, says: 'is a directory' },
    {
      what: 'a directory inside without -r',
      argv: ['pull', 'coi-box:/etc', '.'],
      code: 2,
      says: 'pull -r coi-box:/etc',
    },
    {
      what: 'a source that is not there',
      argv: ['push', 'nothing', 'coi-box:/tmp'],
      code: 1,
      says: 'There is no "nothing"',
    },
    {
      what: 'a source inside that is not there',
      argv: ['pull', 'coi-box:/nothing', '.'],
      code: 1,
      says: 'There is no /nothing in',
    },
    {
      what: 'a source below a file',
      argv: ['pull', 'coi-box:/etc/passwd/x', '.'],
      code: 1,
      says: 'There is no /etc/passwd/x',
    },
    {
      what: 'a container that is not there',
      argv: ['pull', 'none:/etc/passwd', '.'],
      code: 1,
      says: 'There is no container "none"',
    },
    { what: 'a container that cannot be', argv: ['pull', 'no/one?:/etc', '.'], code: 1, says: 'There is no container' },
    {
      what: 'a path that may escape',
      argv: ['pull', 'coi-box:/../etc/passwd', '.'],
      code: 1,
      says: 'may lead anywhere',
    },
    {
      what: 'a target whose directory is missing',
      argv: ['push', 'file', 'coi-box:/no/where'],
      code: 1,
      says: 'There is no directory /no in',
    },
    {
      what: 'a directory that is missing',
      argv: ['push', 'file', 'coi-box:/tmp/none/'],
      code: 1,
      says: 'There is no directory /tmp/none',
    },
    {
      what: 'a local directory that is missing',
      argv: ['pull', 'coi-box:/etc/passwd', 'no/where'],
      code: 1,
      says: 'There is no "no/where"',
    },
    { what: 'a device', argv: ['pull', 'coi-box:/dev/zero', '.'], code: 1, says: 'neither file, directory nor link' },
    {
      what: 'a mode that is none',
      argv: ['push', '--mode=9', 'file', 'coi-box:/tmp'],
      code: 1,
      says: '"9" is no mode',
    },
    { what: 'a missing word', argv: ['pull', 'coi-box:/etc/passwd'], code: 1, says: 'file pull needs LOCAL' },
  ])('refuses $what with exit code $code, and changes nothing', async ({ argv, code, says }) => {
    writeFileSync(at('file'), 'x');
    const before = [treeOf(desk.here), await desk.inside('find /tmp /etc | sort')];
    const failed = await desk.root('file', ...argv);
    expect(failed).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
    expect(failed.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect([treeOf(desk.here), await desk.inside('find /tmp /etc | sort')]).toEqual(before);
  });

  it('works with a container that is stopped, or frozen, or named by its sandbox', async () => {
    const stamp = { uid: '01JZZZZZZZZZZZZZZZZZZZZZZZ', name: 'quiet', instance: 'still', source: 'session/0' };
    await createContainer(desk.lab, { name: 'still', start: false, config: renderStamp(stamp) });
    await desk.host('echo pushed >stopped');
    expect(await desk.user('file', 'push', 'stopped', 'still:/tmp/stopped')).toMatchObject({ exitCode: 0 });
    expect(await desk.user('file', 'pull', 'still:/tmp/stopped', 'again')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('again'), 'utf8')).toBe('pushed\n');
    await createContainer(desk.lab, { name: 'ice' });
    await desk.lab.incus('pause', 'ice');
    expect(await desk.user('file', 'push', 'stopped', 'ice:/tmp/stopped')).toMatchObject({ exitCode: 0 });
    await desk.lab.incus('start', 'ice');
    expect(await desk.inside('cat /tmp/stopped', 'ice')).toBe('pushed');
    expect(await desk.user('file', 'pull', 'quiet:/etc/passwd', 'passwd')).toMatchObject({ exitCode: 0 });
    expect(lstatSync(at('passwd')).uid).toBe(userId);
  });
});
