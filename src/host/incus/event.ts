import { z } from 'zod';
import { lastSegment, parseOperation, type Operation } from './operation.ts';

/** Something that happened to a thing: `instance-started`, `network-updated`, … */
export interface LifecycleEvent {
  readonly kind: 'lifecycle';
  readonly action: string;
  readonly project: string;
  /** Collection of the thing, as in `instances`; empty when the event does not say. */
  readonly collection: string;
  /** Its name; empty when the event does not say. */
  readonly name: string;
  readonly context: Readonly<Record<string, unknown>>;
}

/** A new phase of a background operation. Phases may arrive out of order; a final one is final. */
export interface OperationEvent {
  readonly kind: 'operation';
  readonly project: string;
  readonly operation: Operation;
}

export type IncusEvent = LifecycleEvent | OperationEvent;

const frame = z.looseObject({ type: z.string(), project: z.string().default('default'), metadata: z.unknown() });
const lifecycle = z.looseObject({
  action: z.string(),
  source: z.string().default(''),
  name: z.string().optional(),
  context: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Reads one message of the event stream; undefined for kinds that were not asked for. Throws when it is malformed.
 * @see Incus documentation, "Events"
 */
export function parseEvent(text: string): IncusEvent | undefined {
  const { type, project, metadata } = frame.parse(JSON.parse(text));
  if (type === 'operation') return { kind: 'operation', project, operation: parseOperation(metadata) };
  if (type !== 'lifecycle') return undefined;
  const { action, source, name, context } = lifecycle.parse(metadata);
  return {
    kind: 'lifecycle',
    action,
    project,
    collection: /^\/1\.0\/([^/?]+)/.exec(source)?.[1] ?? '',
    name: name ?? (source === '' ? '' : lastSegment(source)),
    context: context ?? {},
  };
}
