import { Problem } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import { imageUsers, type ImageUser } from '../image/users.ts';
import { connect } from './connect.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/** What is declared, by the images that it names. */
export interface DeclaredUsers {
  readonly users: readonly ImageUser[];
  /** Whether this user sees all of them. */
  readonly isComplete: boolean;
}

/** Ask which images are needed. */
export async function declaredUsers(io: Io): Promise<DeclaredUsers> {
  await using api = await connect(io, 'read');
  const status = await withProgress(io, 'Asking for the sandboxes', () => api.status());
  const { host } = status;
  // Whoever only looks sees no declared images, and no network either.
  const isComplete = host.network !== 'unknown' && !host.problems.some(({ code }) => code === 'look.denied');
  return { users: usersIn(status), isComplete };
}

/** Who needs images, as far as a report says. */
export function usersIn({ sandboxes, images }: Pick<StatusReport, 'sandboxes' | 'images'>): readonly ImageUser[] {
  const named = sandboxes.map(({ name, image, desired_state: state }) => ({ name, image, state }));
  return imageUsers({ sandboxes: named, images });
}

/** @throws {Problem} `image.users-unknown` unless all of them are known */
export function requireComplete({ isComplete }: DeclaredUsers, what: string): void {
  if (isComplete) return;
  throw new Problem({
    code: 'image.users-unknown',
    message: `You may not read all manifests, and one of them may name ${what}`,
    hint: 'Ask as root (sudo), start the controller, or delete it all the same with --force',
  });
}
