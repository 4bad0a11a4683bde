import { expect, test } from 'vitest';
import { refusalError, silenceError } from '../../../src/host/incus/classify.ts';

/** Texts that incusd 6.0.4 gave: HTTP status (undefined: a failed operation), text, class, code. */
const seen = [
  [undefined, 'The instance is already running', 'already', 'incus.already'],
  [undefined, 'The container is already running', 'already', 'incus.already'],
  [undefined, 'The container is already frozen', 'already', 'incus.already'],
  [undefined, 'container is already frozen', 'already', 'incus.already'],
  [undefined, 'The instance is already stopped', 'already', 'incus.already'],
  [undefined, `The instance isn't running`, 'conflict', 'incus.wrong-state'],
  [400, 'Instance is running', 'conflict', 'incus.wrong-state'],
  [400, 'Instance is not running', 'conflict', 'incus.wrong-state'],
  [undefined, 'Renaming of running instance not allowed', 'conflict', 'incus.wrong-state'],
  [undefined, 'Instance is protected', 'forbidden', 'incus.protected'],
  [409, 'Name "c1" already in use', 'conflict', 'incus.taken'],
  [409, 'Alias "bb" already exists', 'conflict', 'incus.taken'],
  [409, 'The storage pool already exists: The record already exists', 'conflict', 'incus.taken'],
  [500, 'Error inserting "default" into database: The profile already exists', 'conflict', 'incus.taken'],
  [undefined, 'Image with same fingerprint already exists', 'conflict', 'incus.image-made'],
  [undefined, `The image already exists: ${'ab'.repeat(32)}`, 'conflict', 'incus.image-made'],
  [undefined, 'Alias already exists: img-none', 'conflict', 'incus.taken'],
  [undefined, 'Compression algorithm "nonsense" isn\'t currently supported', 'invalid', 'incus.no-compressor'],
  [
    undefined,
    'Failed creating instance record: Add instance info to the database: Failed to create "instances" entry: UNIQUE constraint failed: instances.project_id, instances.name',
    'conflict',
    'incus.taken',
  ],
  [
    undefined,
    'Failed start validation for device "eth0": IP address "10.77.0.60" already defined on another NIC',
    'conflict',
    'incus.taken',
  ],
  [
    undefined,
    'Failed to start device "eth0": Failed to create the veth interfaces "vx1" and "vethdff332c9": Failed adding link: Failed to run: ip link add name vx1 mtu 1500: exit status 2 (RTNETLINK answers: File exists)',
    'conflict',
    'incus.link-taken',
  ],
  [412, `ETag doesn't match: c0a78b vs bogus`, 'conflict', 'incus.conflict'],
  [
    undefined,
    'Error deleting storage volume: Failed deleting subvolume "/p": Failed to run: btrfs subvolume delete /p: exit status 1 (ERROR: Not a Btrfs subvolume: Invalid argument)',
    'transient',
    'incus.volume-unmade',
  ],
  [
    undefined,
    'Load go-lxc struct: Cannot apply limits.disk.priority as blkio.weight cgroup controller is missing',
    'invalid',
    'incus.limit-unenforceable',
  ],
  [
    undefined,
    'Failed loading instance storage pool: Failed getting instance storage pool name: Failed getting instance pool: Instance storage pool not found',
    'transient',
    'incus.volume-lost',
  ],
  [
    undefined,
    'Error deleting storage volume: Cannot remove a volume that has snapshots',
    'transient',
    'incus.lost-snapshots',
  ],
  [400, 'The network is currently in use', 'conflict', 'incus.in-use'],
  [500, 'sftp: "remove /etc: directory not empty" (SSH_FX_FAILURE)', 'conflict', 'incus.not-empty'],
  [undefined, 'Image not provided for instance creation', 'gone', 'incus.image-missing'],
  [404, 'Image alias not found', 'gone', 'incus.image-missing'],
  [404, 'Failed to fetch instance "nope" in project "default": Instance not found', 'gone', 'incus.gone'],
  [404, 'Not Found', 'gone', 'incus.gone'],
  [
    undefined,
    'Failed creating instance record: Failed initializing instance: Failed loading storage pool: Storage pool not found',
    'invalid',
    'incus.storage-missing',
  ],
  [500, `Requested profile "nope" doesn't exist`, 'invalid', 'incus.profile-missing'],
  [404, 'Profile not found', 'invalid', 'incus.profile-missing'],
  [500, 'Invalid config: Unknown configuration key: nonsense', 'invalid', 'incus.invalid'],
  [500, 'Invalid config: Invalid value: xx', 'invalid', 'incus.invalid'],
  [400, 'Invalid instance name: Name can only contain alphanumeric and hyphen characters', 'invalid', 'incus.invalid'],
  [
    404,
    'Invalid devices: Device validation failed for "eth0": Failed loading device "eth0": Failed to load network "nope" for project "default": Network not found',
    'invalid',
    'incus.invalid',
  ],
  [
    undefined,
    'Failed creating instance record: Failed initializing instance: Invalid devices: Device validation failed for "eth0": Device IP address "10.78.0.60" not within network "hibr0" subnet',
    'invalid',
    'incus.invalid',
  ],
  [500, 'Failed add validation for device "x": Missing source path "/nope" for disk "x"', 'invalid', 'incus.invalid'],
  [400, `Unknown action: 'bogus'`, 'invalid', 'incus.invalid'],
  [500, 'Reached maximum number of instances in project "lim"', 'quota', 'incus.project-limit'],
  [
    undefined,
    'Failed creating instance from image: Unpack failed: Failed to run: tar -zxf -: exit status 2 (tar: rootfs/blob: Cannot write: No space left on device)',
    'quota',
    'incus.storage-full',
  ],
  [
    undefined,
    'Failed shutting down instance, status is "Running": context deadline exceeded',
    'transient',
    'incus.stop-timeout',
  ],
  [
    undefined,
    'Failed to run: /usr/libexec/incus/incusd forkstart e1 /var/lib/incus/containers /run/incus/e1/lxc.conf: exit status 1',
    'transient',
    'incus.start-failed',
  ],
  [undefined, 'Failed to retrieve PID of executing child process', 'transient', 'incus.exec-not-begun'],
  [undefined, "Unable to create a stateful snapshot. CRIU isn't installed", 'invalid', 'incus.stateless'],
  [
    undefined,
    'Stateful snapshots require that the instance has migration.stateful be set to true',
    'invalid',
    'incus.stateless',
  ],
  [undefined, "Unable to create a stateful snapshot. The instance isn't running", 'conflict', 'incus.wrong-state'],
  [403, 'not authorized', 'forbidden', 'incus.forbidden'],
] as const;

test.each(seen)('%s %j is %s (%s)', (status, text, errorClass, code) => {
  const error = refusalError({ what: 'try it', text, ...(status === undefined ? {} : { status }) });
  expect(error).toMatchObject({ class: errorClass, code, text, status });
  expect(error.message).toBe(`Cannot try it: ${text}`);
});

test.each([
  ['ENOENT', 'transient', 'incus.no-socket', /systemctl start incus/],
  ['ECONNREFUSED', 'transient', 'incus.refused', /systemctl start incus/],
  ['EACCES', 'forbidden', 'incus.no-permission', /incus-admin/],
] as const)('%s says what to do', (errno, errorClass, code, hint) => {
  const cause = new Error('connect failed', { cause: Object.assign(new Error(errno), { code: errno }) });
  const error = silenceError({ what: 'try it', socketPath: '/run/x', isWrite: true, cause });
  expect(error).toMatchObject({ class: errorClass, code, hint: expect.stringMatching(hint) });
  expect(error.message).toContain('/run/x');
});

test('a lost reply is an unknown outcome for a write only', () => {
  const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
  const lost = (isWrite: boolean) => silenceError({ what: 'try it', socketPath: '/run/x', isWrite, cause }).class;
  expect([lost(true), lost(false)]).toEqual(['unknown-outcome', 'transient']);
});

test('"not found" is gone where the thing itself was asked for, and invalid where another refers to it', () => {
  const text = 'Profile not found';
  const about = (route: string) => refusalError({ what: 'try it', status: 404, text, route }).class;
  expect(about('/1.0/profiles/{name}')).toBe('gone');
  expect(about('/1.0/instances/{name}')).toBe('invalid');
});
