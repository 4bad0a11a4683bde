import { execa } from 'execa';

/** Whom AWS takes a user for: somebody it knows, nobody, or there is no program to ask with. */
export type CallerIdentity =
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'no-program' };

/** What asking takes. */
export interface IdentityCall {
  /** Who asks: the AWS CLI reads his login, and runs what his configuration names. */
  readonly owner: { readonly uid: number; readonly gid: number; readonly home: string };
  /** Environment of the host: only the way to programs and to the network is taken from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables of AWS that the agent will have. */
  readonly variables: Readonly<Record<string, string>>;
  /** Longest wait, in milliseconds; 20 s unless given. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** Where programs are, and how the network is reached from this host. */
const waysOut =
  /^(?:PATH|LANG|LC_ALL|(?:https?|no|all)_proxy|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|AWS_CA_BUNDLE)$/i;

/** Most that is told of what the AWS CLI said, in characters. */
const mostSaid = 300;

/**
 * Ask AWS who is asking, with the AWS CLI and as the owner of the login.
 *
 * @throws the signal's reason when it aborts
 */
export async function callerIdentity(call: IdentityCall): Promise<CallerIdentity> {
  const { owner, env, variables, signal, timeoutMs = 20_000 } = call;
  const ways = Object.fromEntries(Object.entries(env).filter(([name]) => waysOut.test(name)));
  const result = await execa('aws', ['sts', 'get-caller-identity', '--output', 'json'], {
    cwd: '/',
    // An empty pager is none.
    env: { ...ways, ...variables, HOME: owner.home, AWS_PAGER: '' },
    extendEnv: false,
    // Only root may become somebody else, and only root ever acts for somebody else.
    ...(process.geteuid?.() !== owner.uid && { uid: owner.uid, gid: owner.gid }),
    reject: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (result.exitCode === 0) return { kind: 'known' };
  // Nowhere on the PATH, or only where the owner may not run it.
  if (result.code === 'ENOENT' || result.code === 'EACCES') return { kind: 'no-program' };
  return { kind: 'refused', why: whyOf(result, timeoutMs) };
}

interface Ended {
  readonly timedOut: boolean;
  readonly stderr: string;
  readonly shortMessage?: string | undefined;
}

function whyOf({ timedOut, stderr, shortMessage = '' }: Ended, timeoutMs: number): string {
  if (timedOut) return `there was no answer within ${timeoutMs / 1_000} s`;
  return (stderr.trim().split('\n')[0] || shortMessage).slice(0, mostSaid);
}
