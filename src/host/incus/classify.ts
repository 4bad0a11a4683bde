import { IncusError, type IncusErrorClass } from './errors.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly class: IncusErrorClass;
  readonly code?: string;
  readonly hint?: string;
  /** Routes that ask for the very thing: there, the text says that it is gone. */
  readonly unless?: string;
}

/**
 * Incus' texts, most telling first. Failed operations carry a text and always the same status, refused calls mostly
 * 500, so the text has to be read. Texts seen on 6.0.4 LTS; each has a test.
 */
const rules: readonly Rule[] = [
  { pattern: /already (running|frozen|stopped)\b/, class: 'already' },
  { pattern: /Instance is busy running/, class: 'busy' },
  {
    pattern: /Instance is protected/,
    class: 'forbidden',
    code: 'incus.protected',
    hint: 'security.protection.delete is set on it; clear it first if the deletion is meant.',
  },
  {
    pattern: /no space left on device|disk quota exceeded|not enough space/i,
    class: 'quota',
    code: 'incus.storage-full',
    hint: 'Free space in the storage pool or make it larger: incus storage info NAME.',
  },
  { pattern: /^Reached maximum (number|aggregate)/, class: 'quota', code: 'incus.project-limit' },
  {
    pattern: /Image not provided for instance creation|Image (alias )?not found/,
    class: 'gone',
    code: 'incus.image-missing',
    hint: 'Build or import the image first; `incus image list` shows what this host has.',
  },
  {
    pattern: /Instance storage pool not found/,
    class: 'transient',
    code: 'incus.volume-lost',
    hint: 'incusd was killed while it renamed the instance: `incus storage volume list` shows its volume under the other name.',
  },
  {
    pattern: /Storage pool not found/,
    class: 'invalid',
    code: 'incus.storage-missing',
    unless: '/1.0/storage-pools',
    hint: '`incus storage list` shows the storage pools of this host.',
  },
  {
    pattern: /Requested profile .* doesn't exist|Profile not found/,
    class: 'invalid',
    code: 'incus.profile-missing',
    unless: '/1.0/profiles',
  },
  {
    pattern: /The image already exists: [0-9a-f]{64}|Image with same fingerprint already exists/,
    class: 'conflict',
    code: 'incus.image-made',
  },
  {
    pattern: /UNIQUE constraint failed|already in use|already exists|already defined/,
    class: 'conflict',
    code: 'incus.taken',
  },
  {
    pattern: /Instance is running|of running instance|(isn't|is not) running/,
    class: 'conflict',
    code: 'incus.wrong-state',
  },
  {
    pattern:
      /Invalid (devices|config|instance name)\b|Failed (add|start|update) validation|Unknown configuration key|Missing source path/,
    class: 'invalid',
  },
  {
    pattern: /RTNETLINK answers: File exists/,
    class: 'conflict',
    code: 'incus.link-taken',
    hint: 'A network link of that name is left over on the host: `ip link` shows it.',
  },
  {
    pattern: /Not a Btrfs subvolume/,
    class: 'transient',
    code: 'incus.volume-unmade',
    hint: 'incusd was killed before it had made the volume: remove the directory that the message names.',
  },
  {
    pattern: /Cannot apply limits\.\S+ as .*cgroup controller is missing/,
    class: 'invalid',
    code: 'incus.limit-unenforceable',
    hint: 'This host cannot enforce that limit: take it out.',
  },
  {
    pattern: /Cannot remove a volume that has snapshots/,
    class: 'transient',
    code: 'incus.lost-snapshots',
    hint: 'Incus does not list these snapshots any more: remove them under storage-pools/POOL/containers-snapshots/INSTANCE.',
  },
  {
    pattern: /incusd forkstart /,
    class: 'transient',
    code: 'incus.start-failed',
    hint: 'What the container said as it started: incus info INSTANCE --show-log',
  },
  {
    pattern: /Compression algorithm .* isn't currently supported/,
    class: 'invalid',
    code: 'incus.no-compressor',
    hint: 'Install the program on this host, or choose another way to pack: --compression gzip.',
  },
  // Its helper was lost before it had begun the program, of which nothing ran.
  { pattern: /Failed to retrieve PID of executing/, class: 'transient', code: 'incus.exec-not-begun' },
  {
    pattern: /Stateful snapshots? requires? |Unable to create a stateful snapshot\. CRIU/,
    class: 'invalid',
    code: 'incus.stateless',
  },
  { pattern: /is currently in use/, class: 'conflict', code: 'incus.in-use' },
  { pattern: /directory not empty/, class: 'conflict', code: 'incus.not-empty' },
  { pattern: /Failed shutting down instance/, class: 'transient', code: 'incus.stop-timeout' },
];

function byStatus(status: number | undefined): IncusErrorClass {
  if (status === undefined) return 'transient';
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 404) return 'gone';
  if (status === 409 || status === 412) return 'conflict';
  if (status === 408 || status === 423 || status === 429 || status >= 500) return 'transient';
  return 'invalid';
}

function applies({ pattern, unless }: Rule, text: string, route: string): boolean {
  return pattern.test(text) && (unless === undefined || !route.startsWith(unless));
}

/** A reply or an operation that failed. */
export interface Refusal {
  /** What was tried, as in `start instance "web"`. */
  readonly what: string;
  /** HTTP status; absent for an operation, whose code is 400 whatever went wrong. */
  readonly status?: number;
  readonly text: string;
  /** Route of the call; absent for an operation. */
  readonly route?: string;
}

/** The error for a refusal: the only place where Incus' texts are read. Text first, then status. */
export function refusalError({ what, status, text, route = '' }: Refusal): IncusError {
  // 412 comes only from If-Match, whatever the text quotes.
  const rule = status === 412 ? undefined : rules.find((each) => applies(each, text, route));
  return new IncusError({
    class: rule?.class ?? byStatus(status),
    what,
    text: text === '' ? `status ${status}` : text,
    ...(status === undefined ? {} : { status }),
    ...(rule?.code === undefined ? {} : { code: rule.code }),
    ...(rule?.hint === undefined ? {} : { hint: rule.hint }),
  });
}

/** A call that ended without a reply. */
export interface Silence {
  readonly what: string;
  readonly socketPath: string;
  /** Whether Incus may have acted although nothing came back. */
  readonly isWrite: boolean;
  readonly cause: unknown;
}

const unsent: Record<string, Pick<Rule, 'class' | 'code' | 'hint'> & { text: (socketPath: string) => string }> = {
  ENOENT: {
    class: 'transient',
    code: 'incus.no-socket',
    text: (path) => `there is no socket at ${path}`,
    hint: 'Is Incus installed and incusd running? Try: systemctl start incus. INCUS_SOCKET names another socket.',
  },
  ECONNREFUSED: {
    class: 'transient',
    code: 'incus.refused',
    text: (path) => `nothing listens on ${path}`,
    hint: 'incusd is not running. Try: systemctl start incus',
  },
  EAGAIN: { class: 'transient', text: (path) => `too many wait to be let in at ${path}`, code: 'incus.overloaded' },
  UND_ERR_CONNECT_TIMEOUT: {
    class: 'transient',
    text: (path) => `nobody answers at ${path}`,
    code: 'incus.overloaded',
    hint: 'incusd hangs or is stopped; see its log.',
  },
  EACCES: {
    class: 'forbidden',
    code: 'incus.no-permission',
    text: (path) => `no permission to use ${path}`,
    hint: 'Join the group incus-admin (usermod -aG incus-admin USER, then log in again) or run as root.',
  },
};

/** The error for a call without a reply: a write that was sent has an unknown outcome, anything else may be repeated. */
export function silenceError({ what, socketPath, isWrite, cause }: Silence): IncusError {
  const known = unsent[errorCode(cause) ?? ''];
  if (known) return new IncusError({ ...known, what, text: known.text(socketPath), cause });
  return new IncusError({
    class: isWrite ? 'unknown-outcome' : 'transient',
    what,
    text: `the connection to ${socketPath} was lost (${cause instanceof Error ? cause.message : String(cause)})`,
    cause,
  });
}

/** The system's or undici's code of an error, also of the error behind it. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return errorCode(error.cause);
}
