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
  'file push',
  'file pull',
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
  'monitor',
  'monitor audit',
  'snapshot create',
  'snapshot list',
  'snapshot restore',
  'snapshot delete',
  'snapshot info',
  'completion',
  'version',
  'help',
  'container launch',
  'container start',
  'container stop',
  'container delete',
  'container exec',
  'container exists',
  'container running',
  'container list',
  'container mount',
  'tmux send',
  'tmux capture',
  'tmux list',
]);

/** Whether a command is one of the original's. */
export function isOfOriginal({ name }: Pick<VerbSpec, 'name'>): boolean {
  return names.has(name);
}
