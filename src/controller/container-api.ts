import type { Mount } from '../spec/sandbox.ts';
import type { VerbReport } from './control-api.ts';

/** A container that a command asks for by name. */
export interface LaunchRequest {
  /** Whose it is: numeric id of the user. */
  readonly uid: number;
  /** Name of that user, for the audit log. */
  readonly by: string;
  /** Name of its instance. */
  readonly instance: string;
  /** A complete manifest file of the session source with one sandbox, whose names do not matter. */
  readonly manifest: string;
}

/** A container that was declared. */
export interface Launched {
  /** Of its sandbox. */
  readonly name: string;
  readonly instance: string;
  /** Its manifest. */
  readonly file: string;
}

/** What a container is to do. */
export interface PowerRequest {
  /** Of its sandbox. */
  readonly name: string;
  readonly by: string;
  readonly to: 'running' | 'stopped';
  /** Whether what runs inside is not asked to end first. */
  readonly force?: boolean;
}

/** A change that was taken, and what becomes of the container. */
export interface PowerReport extends VerbReport {
  /** Whether it is deleted once it stands still. */
  readonly isLeaving?: boolean;
}

/** One more directory for a container. */
export interface MountRequest {
  /** Of its sandbox. */
  readonly name: string;
  readonly by: string;
  /** Name of its device. */
  readonly device: string;
  /** Absolute, inside. */
  readonly path: string;
  readonly mount: Mount;
}

/**
 * What commands for containers by name ask of a controller. None of them waits for more of what follows than the first look at
 * it: `container.held-up` when that takes over two minutes.
 */
export interface ContainerApi {
  /**
   * Declare a container under the very name of its instance. Of several that want the same name exactly one gets it.
   *
   * @throws {Problem} `container.name` for a name that none can have, `container.taken` for one that a source or an
   *   instance has, and what is wrong with the manifest
   */
  launch(request: LaunchRequest): Promise<Launched>;
  /**
   * Have a container that a command declared run, or stand still. One that is to go when it stops goes. Refused where a
   * directory declares it, an override holds it, or it would go and its policy.deletion is "protect",
   * or its schedule says that it is to stand still.
   */
  setPower(request: PowerRequest): Promise<PowerReport>;
  /** Show one more directory in a container that a command declared. Refused where it cannot be with what it has. */
  addMount(request: MountRequest): Promise<VerbReport>;
}
