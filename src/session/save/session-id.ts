import { Problem } from '../../base/problem.ts';
import { sessionIdPattern } from '../../spec/names.ts';

/** Names of agent tools are shorter and lower case: they are part of a directory's name. */
const toolPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Whether a text can be the id of a session: a UUID as a rule, else 1 to 128 letters, digits, `.`, `_`, `-`. */
export function isSessionId(text: string): boolean {
  return sessionIdPattern.test(text);
}

/** @throws {Problem} `session.id` for what is no id */
export function checkSessionId(text: string): string {
  if (isSessionId(text)) return text;
  throw new Problem({
    code: 'session.id',
    message: `${JSON.stringify(text.slice(0, 80))} is not the id of a session`,
    hint: 'See the ids with: coi list --all',
  });
}

/**
 * Name of the directory, below `.coi` in a home, that holds the sessions of a tool.
 *
 * @throws {Problem} `session.tool` for what can be no tool's name
 */
export function sessionsName(tool: string): string {
  if (toolPattern.test(tool)) return `sessions-${tool}`;
  throw new Problem({
    code: 'session.tool',
    message: `${JSON.stringify(tool.slice(0, 80))} is not the name of a tool`,
    hint: 'Names are lower case letters, digits, ".", "_" and "-".',
  });
}
