import { z } from 'zod';
import { parseInstanceState, type RuntimeState } from './instance-state.ts';

const schema = z.looseObject({
  name: z.string(),
  status: z.string(),
  type: z.string().default('container'),
  state: z.unknown().optional(),
});

/** An instance with everything that Incus says about it. */
export interface WholeInstance {
  readonly name: string;
  /** Incus' own word. */
  readonly status: string;
  readonly type: string;
  /** Undefined where it could not be asked. */
  readonly runtime: RuntimeState | undefined;
  /** As Incus wrote it. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Reads a list of instances with their states. Throws when it is not one. */
export function parseWholeInstances(value: unknown): readonly WholeInstance[] {
  return z
    .array(schema)
    .parse(value)
    .map((raw) => {
      const { name, status, type, state } = raw;
      return { name, status, type, runtime: state ? parseInstanceState(state) : undefined, raw };
    });
}
