import { parse, stringify } from 'smol-toml';
import { z } from 'zod';
import { messageOf, Problem } from '../base/problem.ts';
import type { Override } from '../plan/override.ts';
import { sessionSourceName } from '../spec/schema/formats.ts';
import { runStates } from '../spec/sandbox.ts';

/** All kinds, so that a file name can be told from others. */
const kinds = ['freeze', 'quarantine', 'expired', 'suspend'] as const satisfies readonly Override['kind'][];

const time = z.iso.datetime().transform((text) => Date.parse(text));

const fileSchema = z.strictObject({
  state: z.enum(runStates).exactOptional(),
  reason: z.string(),
  by: z.string(),
  at: time,
  until: time.exactOptional(),
  hash: z.string().exactOptional(),
});

/** Whom an override file speaks of. */
export interface OverridePlace {
  readonly sandbox: string;
  readonly kind: Override['kind'];
}

/** `NAME.KIND.toml`: a name holds no dot, so that the two never run together. */
export function overrideFileName({ sandbox, kind }: OverridePlace): string {
  return `${sandbox}.${kind}.toml`;
}

/** Whom a file speaks of by its name; undefined when it is not an override's. */
export function overridePlaceOf(fileName: string): OverridePlace | undefined {
  const [sandbox = '', kind, ending, ...more] = fileName.split('.');
  const known = kinds.find((each) => each === kind);
  if (!known || ending !== 'toml' || more.length > 0) return undefined;
  return sessionSourceName.safeParse(sandbox).success ? { sandbox, kind: known } : undefined;
}

/** The text of an override's file, with times as RFC 3339. */
export function renderOverride({ state, reason, by, at, until, hash }: Override): string {
  const iso = (ms: number) => new Date(ms).toISOString();
  return stringify({
    ...(state && { state }),
    reason,
    by,
    at: iso(at),
    ...(until !== undefined && { until: iso(until) }),
    ...(hash !== undefined && { hash }),
  });
}

/** Understand an override's file. @throws {Problem} `override.invalid` */
export function parseOverride(file: string, kind: Override['kind'], text: string): Override {
  try {
    return { kind, ...fileSchema.parse(parse(text)) };
  } catch (error) {
    throw new Problem({
      code: 'override.invalid',
      message: `Cannot understand the override: ${error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)}`,
      hint: 'The sandbox is held until the file is put right or removed.',
      position: { file },
      cause: error,
    });
  }
}

/**
 * What an override that cannot be read does: as much as one of its kind ever holds back, and nothing that cannot be
 * undone. One that may say "deleted" or "stopped" freezes, which keeps everything and lets nothing run.
 */
export function unreadableOverride({ kind }: OverridePlace, at: number): Override {
  const base = { reason: 'its override cannot be read', by: 'controller', at };
  switch (kind) {
    case 'suspend':
      return { kind, ...base };
    case 'freeze':
    case 'quarantine':
      return { kind, state: 'frozen', ...base };
    // Not `expired`: that would count as remembered, for a manifest nobody knows.
    case 'expired':
      return { kind: 'freeze', state: 'frozen', ...base };
  }
}
