import { z } from 'zod';

const schema = z.looseObject({
  id: z.string().min(1),
  class: z.string().default('task'),
  description: z.string().default(''),
  status: z.string(),
  status_code: z.number(),
  resources: z.record(z.string(), z.array(z.string())).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  err: z.string().default(''),
});

/** Something that Incus does in the background. It forgets an operation 5 s after its end. */
export interface Operation {
  readonly id: string;
  readonly description: string;
  /** Whether it ends by itself, and not when somebody closes a connection. */
  readonly isTask: boolean;
  readonly phase: 'running' | 'success' | 'failure' | 'cancelled';
  /** Names of the instances that it works on. */
  readonly instances: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Incus' text when it failed; there is no code. */
  readonly err: string;
}

/** An operation that a call of ours began. */
export interface StartedOperation {
  readonly operation: Operation;
  /** What was tried, for error messages. */
  readonly what: string;
  /** Monotonic time before the call was sent: an event stream that was up by then cannot have missed the end. */
  readonly startedAt: number;
}

/** Reads an operation as Incus writes it. Throws when it is not one. */
export function parseOperation(value: unknown): Operation {
  const operation = schema.parse(value);
  return {
    id: operation.id,
    description: operation.description,
    isTask: operation.class === 'task',
    phase: phaseOf(operation.status_code),
    instances: (operation.resources?.['instances'] ?? []).map(lastSegment),
    metadata: operation.metadata ?? {},
    err: operation.err,
  };
}

/** Codes from 200 on are final. See Incus documentation, "REST API", "List of current status codes". */
function phaseOf(code: number): Operation['phase'] {
  if (code < 200) return 'running';
  if (code === 401) return 'cancelled';
  return code < 400 ? 'success' : 'failure';
}

/** The name at the end of an Incus path such as `/1.0/instances/web?project=x`. */
export function lastSegment(path: string): string {
  return decodeURIComponent(path.split('?', 1)[0]!.split('/').at(-1)!);
}
