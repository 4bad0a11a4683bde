import { Problem, type Retry } from '../../base/problem.ts';

/**
 * What a failed call means for whoever made it: `conflict` and `unknown-outcome` want a fresh look, `busy` an end of
 * the operation that runs, `already` is success in other words, `gone` says that the thing is not there (any more),
 * `transient` and `quota` may pass, `invalid`, `foreign` and `forbidden` last until somebody changes something.
 */
export type IncusErrorClass =
  | 'conflict'
  | 'busy'
  | 'gone'
  | 'already'
  | 'transient'
  | 'quota'
  | 'invalid'
  | 'foreign'
  | 'unknown-outcome'
  | 'forbidden';

const retryOf: Record<IncusErrorClass, Retry> = {
  conflict: 'conflict',
  busy: 'backoff',
  gone: 'conflict',
  already: 'conflict',
  transient: 'backoff',
  quota: 'backoff',
  invalid: 'never',
  foreign: 'never',
  'unknown-outcome': 'conflict',
  forbidden: 'never',
};

/** What an {@link IncusError} is made from. */
export interface IncusErrorInit {
  readonly class: IncusErrorClass;
  /** What was tried, as in `start instance "web"`. */
  readonly what: string;
  /** What is so: Incus' own words or the operating system's. */
  readonly text: string;
  /** Status of the reply or of the operation; absent when there was no reply. */
  readonly status?: number;
  /** Stable name when it says more than the class, as in `incus.image-missing`. */
  readonly code?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A call that Incus refused, or that did not reach it. The class decides what may follow. */
export class IncusError extends Problem {
  readonly class: IncusErrorClass;
  readonly status: number | undefined;
  /** Incus' own words, without what was tried. */
  readonly text: string;

  constructor({ class: errorClass, what, text, status, code, hint, cause }: IncusErrorInit) {
    super({
      code: code ?? `incus.${errorClass}`,
      message: `Cannot ${what}: ${text}`,
      retry: retryOf[errorClass],
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = 'IncusError';
    this.class = errorClass;
    this.status = status;
    this.text = text;
  }
}

/** Whether something thrown is an {@link IncusError} of one of the classes. */
export function isIncusError(error: unknown, ...classes: readonly IncusErrorClass[]): error is IncusError {
  return error instanceof IncusError && (classes.length === 0 || classes.includes(error.class));
}
