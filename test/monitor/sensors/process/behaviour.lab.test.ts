import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContainer } from '../../../lab/create.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { Watcher, watched } from './watcher.ts';

let lab: Lab;
let watcher: Watcher;

beforeAll(async () => {
  lab = await openLab({ name: 'behaviour', images: ['system'] });
  watcher = new Watcher();
  await createContainer(lab, { name: 'c1', number: 7, image: 'system', config: { 'security.nesting': 'true' } });
  watcher.watch(await watched(lab, 'c1'));
  await watcher.is('active');
});

afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Runs a script with words behind it; a module to load comes as `-MNAME`. */
const perl = (script: string, ...args: string[]) => {
  const [flags, words] = [args.filter((each) => each.startsWith('-M')), args.filter((each) => !each.startsWith('-M'))];
  return lab.incus('exec', 'c1', '--', 'perl', ...flags, '-e', script, ...words);
};
const sh = (script: string) => lab.run(['incus', 'exec', 'c1', '--', 'bash', '-c', script]);
const of = (marker: string) => (event: { readonly words: readonly string[] }) => event.words.includes(marker);

describe('What sandboxes do', () => {
  test('a socket that leads elsewhere on standard input is seen, of dup2 and of what is started with it', async () => {
    const connect =
      'use IO::Socket::INET; my $l=IO::Socket::INET->new(Listen=>1,LocalAddr=>"127.0.0.1"); my $s=IO::Socket::INET->new(PeerAddr=>"127.0.0.1",PeerPort=>$l->sockport);';
    await perl(`${connect} syscall(33, fileno($s), 0)`, 'by-dup2');
    expect(await watcher.seen('stdio', of('by-dup2'))).toMatchObject({ uid: 'c1', descriptor: 0, name: 'perl' });
    await perl(`${connect} open(STDIN, "<&", $s); exec "/bin/true", "started"`);
    expect(await watcher.seen('stdio', of('started'))).toMatchObject({ descriptor: 0, program: '/bin/true' });
    // Opened in the place of what was closed: nobody duplicates anything.
    await perl(
      'use Socket; $^F=9; POSIX::close(0); syscall(41, 2, 1, 0)==0 or die; exec "/bin/true", "direct"',
      '-MPOSIX',
    );
    expect(await watcher.seen('stdio', of('direct'))).toMatchObject({ descriptor: 0 });
    await sh('exec 5<>/dev/tcp/10.90.0.1/53; cat direct-bash <&5 >&5 2>&5');
    await watcher.seen('stdio', ({ words, descriptor }) => words.includes('direct-bash') && descriptor === 2);
  });

  test('pipes, files and sockets of the unix family on it are ordinary', async () => {
    await perl(
      'use Socket; socketpair(A,B,AF_UNIX,SOCK_STREAM,0) or die; syscall(33,fileno(A),0)==0 or die; pipe(R,W); syscall(33,fileno(R),2)==2 or die',
      'plumbing',
    );
    await sh('echo x | cat >/tmp/x; cat </tmp/x | cat');
    await perl('1', 'behind');
    await watcher.seen('exec', of('behind'));
    expect(watcher.of('stdio').filter(of('plumbing'))).toEqual([]);
  });

  test('files with secrets are seen, read and written, however early in a program', async () => {
    await sh('cat /etc/shadow >/dev/null');
    expect(await watcher.seen('file', ({ path }) => path === '/etc/shadow')).toMatchObject({
      access: 'read',
      name: 'cat',
      words: ['cat', '/etc/shadow'],
      parents: [{ name: 'bash' }],
    });
    await sh('mkdir -p /root/.ssh; echo key >>/root/.ssh/authorized_keys');
    await watcher.seen('file', ({ path, access }) => path === '/root/.ssh/authorized_keys' && access === 'write');
    await sh('cd /root/.ssh; cat authorized_keys');
    await watcher.seen('file', ({ path, access }) => path === 'authorized_keys' && access === 'read');
    await sh('mkdir -p /workspace/.git/hooks; touch /tmp/hook; mv /tmp/hook /workspace/.git/hooks/pre-commit');
    await watcher.seen('file', ({ path, access }) => path === '/workspace/.git/hooks/pre-commit' && access === 'write');
    await sh('cat /proc/1/environ; ln -s /etc/shadow /tmp/shade');
    await watcher.seen('file', ({ path }) => path === '/proc/1/environ');
    await watcher.seen('file', ({ path, name }) => path === '/etc/shadow' && name === 'ln');
  });

  test('a name that the kernel reads first is seen as well', async () => {
    // The path lies in a file's page that was never touched: only the call itself brings it in.
    const script =
      'open(F,">","/tmp/path"); print F "/etc/shadow\\0" x 1000; close F; open(F,"<","/tmp/path");' +
      'my $at=syscall(9,0,4096,1,2,fileno(F),0); syscall(2,$at,0)';
    await perl(script, 'untouched');
    const seen = await watcher.seen(
      'file',
      (event) => event.path === '/etc/shadow' && event.words.includes('untouched'),
    );
    expect(seen).toMatchObject({ uid: 'c1', access: 'read' });
  });

  test('attempts to get at the kernel are seen, allowed or not', async () => {
    await sh('mkdir -p /tmp/m; mount -t tmpfs hello /tmp/m; umount /tmp/m');
    const mount = await watcher.seen('call', ({ call, words }) => call === 'mount' && words[0] === 'mount');
    expect(mount.details.join(' ')).toContain('tmpfs');
    await watcher.seen('call', ({ call, words }) => call === 'umount' && words[0] === 'umount');
    await sh('unshare --user --map-root-user --mount true');
    expect(await watcher.seen('call', ({ call, words }) => call === 'unshare' && words[0] === 'unshare')).toMatchObject(
      {
        details: ['mnt', 'user'],
      },
    );
    await perl('syscall(101, 16, 1, 0, 0)');
    expect(await watcher.seen('call', ({ call }) => call === 'ptrace')).toMatchObject({ details: ['attach'] });
    await perl('my $n="hidden"; syscall(319, $n, 0)');
    expect(
      await watcher.seen('call', ({ call, details }) => call === 'memfd_create' && details[0] === 'hidden'),
    ).toBeDefined();
  });

  test('a program without a name in any directory is known as such', async () => {
    await perl(
      '$^F=9; my $n="x"; my $f=syscall(319,$n,0); open(M,">&=",$f); open(T,"<","/bin/true"); binmode M; print M do{local $/;<T>}; M->flush; exec {"/proc/self/fd/$f"} "nameless"',
      '-MIO::Handle',
    );
    expect(await watcher.seen('exec', of('nameless'))).toMatchObject({ isNameless: true });
  });

  test('what Incus does inside to start a program is not theirs', async () => {
    await createContainer(lab, { name: 'c2', image: 'system' });
    watcher.watch(await watched(lab, 'c2'));
    const init = await watcher.seen('exec', ({ uid }) => uid === 'c2');
    expect(init.words[0]).toBe('/sbin/init');
    await watcher.seen('call', ({ uid }) => uid === 'c2');
    const before = watcher
      .of('call')
      .filter(({ uid, name }) => uid === 'c2' && !name.startsWith('systemd') && name !== '(sd-');
    expect(before.filter(({ name }) => /^(?:incusd|lxc)/.test(name))).toEqual([]);
  });
});
