import type { ImageUser } from '../image/users.ts';
import { connect } from './connect.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/** The sandboxes that are declared, by the images that they name. */
export interface DeclaredUsers {
  readonly users: readonly ImageUser[];
  /** Whether this user sees all of them. */
  readonly isComplete: boolean;
}

/** Ask which images sandboxes are declared with. */
export async function declaredUsers(io: Io): Promise<DeclaredUsers> {
  await using api = await connect(io, 'read');
  const { sandboxes, host } = await withProgress(io, 'Asking for the sandboxes', () => api.status());
  const users = sandboxes.flatMap(({ name, image, desired_state: state }) =>
    image === undefined || state === 'absent' ? [] : [{ name, image }],
  );
  return { users, isComplete: !host.problems.some(({ code }) => code === 'look.denied') };
}
