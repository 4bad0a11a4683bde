import { sanitiseTerm } from './sanitise-term.ts';

/** What the environment inside is made from. */
export interface GuestEnvironmentInit {
  readonly home: string;
  /** TERM of whoever calls. */
  readonly terminal: string | undefined;
  /** What was asked for by `--env`. */
  readonly own: Readonly<Record<string, string>>;
}

/** The environment of what runs inside. Nothing else of the host's is handed on. */
export function guestEnvironment({ home, terminal, own }: GuestEnvironmentInit): Record<string, string> {
  const environment = { HOME: home, IS_SANDBOX: '1', TERM: sanitiseTerm(terminal), ...own };
  return { ...environment, TERM: sanitiseTerm(environment.TERM) };
}
