import type { Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import type { NameService } from '../host/dns/name-service.ts';
import type { Firewall } from '../host/firewall/firewall.ts';
import type { WorkspaceTrees } from '../host/mount/workspace-trees.ts';
import type { ProcessWatch } from '../host/process/process-watch.ts';
import type { Bridge } from '../network/policy.ts';
import type { InstanceCache } from '../observe/instances.ts';
import type { Override } from '../plan/override.ts';
import type { Step } from '../plan/step.ts';
import type { AgentRecipes } from './agent-recipe.ts';
import type { Agents } from './agents.ts';
import type { FittingImages } from './fit-user.ts';
import type { Reservations } from './reservations.ts';
import type { SessionKeeper } from './session-keeper.ts';

/** Everything that steps act with. */
export interface Hands {
  readonly incus: Incus;
  readonly firewall: Firewall;
  readonly names: NameService;
  readonly instances: InstanceCache;
  readonly reservations: Reservations;
  readonly agents: Agents;
  readonly recipes: AgentRecipes;
  readonly sessions: SessionKeeper;
  /** Those that wait inside for agents, by the uid of their instance. */
  readonly processes: ProcessWatch;
  readonly trees: WorkspaceTrees;
  readonly fittingImages: FittingImages;
  readonly bridge: Bridge;
  readonly clock: Clock;
  /** Remember something that outranks a manifest. */
  readonly setOverride: (sandbox: string, override: Override) => Promise<void>;
  /** Ask for a sandbox to be looked at again. */
  readonly lookAgain: (sandbox: string) => void;
  /** Aborts when the controller ends. */
  readonly lifetime: AbortSignal;
}

/** A step that is being carried out. */
export interface Task {
  /** Sandbox name. */
  readonly sandbox: string;
  readonly step: Step;
  readonly hands: Hands;
  readonly signal: AbortSignal;
}
