import type { VerbSpec } from './verb.ts';

/**
 * Commands that the original coi has, too, and that keep its habits: each takes the flags that are for all commands, whether
 * they mean anything to it or not, and a command line that makes no sense exits with 1.
 */
const names = new Set([
  'shell',
  'run',
  'attach',
  'list',
  'info',
  'kill',
  'shutdown',
  'clean',
  'persist',
  'resume',
  'build',
  'build custom',
  'images',
  'image list',
  'image publish',
  'image exists',
  'image delete',
  'image cleanup',
  'health',
  'completion',
  'version',
  'help',
]);

/** Whether a command is one of the original's. */
export function isOfOriginal({ name }: Pick<VerbSpec, 'name'>): boolean {
  return names.has(name);
}
