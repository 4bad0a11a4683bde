import * as z from 'zod';
import { networkModes } from '../network/rules.ts';
import { sessionStampSchema, type SessionStamp } from './session-stamp.ts';
import { tombstonePrefix } from './tombstone-name.ts';
import type { View } from './view.ts';

/** Prefix of every config key in which coi keeps what it must remember about an instance. */
export const stampPrefix = 'user.coi.';

/** What the controller was about to do, written on the instance before it is done, so that a crash can be understood. */
export interface Intent {
  readonly kind: 'create' | 'delete' | 'restart';
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Ownership and memory, kept on the instance itself: it moves, is copied and dies with the object it speaks of. */
export interface Stamp {
  /** ULID chosen before creation; never reused. */
  readonly uid: string;
  /** Sandbox name. */
  readonly name: string;
  /** Instance name at creation: a copy or a renamed instance fails this self-check. */
  readonly instance: string;
  readonly source: string;
  /** Grows by one each time another manifest meaning was carried out. */
  readonly generation: number;
  /** Hash of the manifest that was last carried out in full. */
  readonly hash: string;
  readonly applied: View | undefined;
  readonly intent: Intent | undefined;
  /** Set before coi itself stops or freezes, where a later look must tell that from somebody else's doing. */
  readonly halted: boolean;
  /** What there is to save of it; absent where there is nothing. */
  readonly session?: SessionStamp | undefined;
  /** When its session was last saved, milliseconds since 1970. */
  readonly saved?: number | undefined;
  /** Id of the session whose state is in it: begun in it, or put into it. */
  readonly restored?: string | undefined;
  /** Incus' id of the last restore that coi knows of, see {@link strayEra}; absent before the first. */
  readonly era?: string | undefined;
  /** When coi itself last started it, milliseconds since 1970: a restart from inside is no new run. */
  readonly started?: number | undefined;
}

/**
 * Incus' id of a restore from a snapshot that coi knows nothing of; undefined where there was none. Such an instance carries
 * the configuration of the snapshot's time, its stamp included: whose it is holds, what it says about the present does not.
 *
 * Incus begins with one id for both keys, and gives the second one another with each restore.
 * @see Incus documentation, "Instance options", `volatile.uuid.generation`
 */
export function strayEra(config: Readonly<Record<string, string>>, { era }: Pick<Stamp, 'era'>): string | undefined {
  const now = config['volatile.uuid.generation'];
  return now === (era ?? config['volatile.uuid']) ? undefined : now;
}

/** Instance name under which a sandbox waits for its deletion. Nobody else creates such a name, so nothing races for it. */
export function tombstoneName(uid: string): string {
  return `${tombstonePrefix}${uid.toLowerCase()}`;
}

/** Config keys of a stamp, as PATCH takes them: an empty text removes a key. */
export function renderStamp(stamp: Partial<Stamp>): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [name, value] of Object.entries(stamp)) keys[stampPrefix + name] = renderValue(value);
  return keys;
}

function renderValue(value: Stamp[keyof Stamp]): string {
  if (value === undefined || value === false) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * The stamp in an instance's config, or undefined where there is none or it cannot be understood.
 * A stamp that cannot be read makes the instance unmanaged: it is reported and never touched.
 */
export function parseStamp(config: Readonly<Record<string, string>>): Stamp | undefined {
  const text = (name: keyof Stamp) => config[stampPrefix + name] ?? '';
  if (!/^[0-9A-Z]{26}$/.test(text('uid')) || !text('name') || !text('instance') || !text('source')) return undefined;
  const applied = parseJson(text('applied'), viewSchema);
  const intent = parseJson(text('intent'), intentSchema);
  const session = parseJson(text('session'), sessionStampSchema);
  if (applied === 'broken' || intent === 'broken' || session === 'broken') return undefined;
  return {
    uid: text('uid'),
    name: text('name'),
    instance: text('instance'),
    source: text('source'),
    generation: Number(text('generation')) || 0,
    hash: text('hash'),
    applied,
    intent,
    halted: text('halted') === 'true',
    ...(session && { session }),
    ...keptOf(text),
  };
}

/** What was done about its session, and when it was started. */
function keptOf(text: (name: keyof Stamp) => string): Pick<Stamp, 'saved' | 'restored' | 'era' | 'started'> {
  return {
    ...(text('saved') && { saved: Number(text('saved')) || 0 }),
    ...(text('restored') && { restored: text('restored') }),
    ...(text('era') && { era: text('era') }),
    ...(Number(text('started')) > 0 && { started: Number(text('started')) }),
  };
}

const texts = z.record(z.string(), z.string());

const viewSchema: z.ZodType<View> = z.object({
  image: z.string(),
  network: z.object({
    mode: z.enum(networkModes),
    localNetwork: z.literal(true).exactOptional(),
    metadata: z.literal(true).exactOptional(),
    allowed: z.record(z.string(), z.literal(true)).exactOptional(),
    refreshMinutes: z.number().exactOptional(),
  }),
  agent: z.string(),
  // Stamps from before there was protection have none.
  protection: z.string().default(''),
  deletion: z.enum(['delete', 'orphan', 'protect', 'confirm']),
  profiles: z.array(z.string()),
  config: texts,
  devices: z.record(z.string(), texts),
});

const intentSchema: z.ZodType<Intent> = z.object({ kind: z.enum(['create', 'delete', 'restart']), at: z.number() });

/** A key that somebody edited by hand is broken: the caller then treats the whole instance as not ours. */
function parseJson<T>(text: string, schema: z.ZodType<T>): T | undefined | 'broken' {
  if (text === '') return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? 'broken';
  } catch {
    // Not even JSON.
    return 'broken';
  }
}
