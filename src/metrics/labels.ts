/*
 * Values that labels may have. Series of a closed set exist from the start, with 0, so that an alert never waits for a first
 * event. The sets are written out here because metrics lie below the rooms they count in; a test compares them.
 */

/** Kinds of queue keys, each looked after by a controller of its own. */
export const controllers = ['sandbox', 'image', 'source', 'host'] as const;
export type ControllerName = (typeof controllers)[number];

/** How a visit to a key ended. */
export const reconcileResults = ['settled', 'waiting', 'yielded', 'failed', 'stalled'] as const;
export type ReconcileResult = (typeof reconcileResults)[number];

export const stepKinds = [
  'reserve',
  'rules',
  'create',
  'power',
  'update',
  'stamp',
  'restamp',
  'tombstone',
  'unprotect',
  'delete',
  'release',
  'agent',
  'restore',
  'save',
  'expire',
  'quarantine',
  'uncover',
] as const;
export type StepKind = (typeof stepKinds)[number];

/** A `conflict` means that the world changed since the look: it is looked at again at once, nothing is wrong. */
export const stepOutcomes = ['succeeded', 'failed', 'conflict'] as const;
export type StepOutcome = (typeof stepOutcomes)[number];

export const queuePriorities = ['security', 'command', 'spec', 'event', 'retry', 'resync'] as const;
export type QueuePriority = (typeof queuePriorities)[number];

export const phases = ['Current', 'InProgress', 'Failed', 'Terminating', 'Unknown'] as const;
export type Phase = (typeof phases)[number];

export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Drifted',
  'Healthy',
  'Suspended',
  'Pruning',
  'Quarantined',
  'Protected',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const conditionStatuses = ['True', 'False', 'Unknown'] as const;
export type ConditionStatus = (typeof conditionStatuses)[number];

/** Why nothing more happens until somebody changes something. */
export const stallReasons = [
  'StepFailed',
  'SaveFailed',
  'ImmutableChange',
  'ForeignOwner',
  'ImageMissing',
  'OriginMissing',
  'InvalidWorkspace',
  'Guarded',
  'NeedsConfirm',
  'Protected',
  'Fighting',
  'Other',
] as const;
export type StallReason = (typeof stallReasons)[number];

/** What somebody changed by hand. */
export const driftClasses = ['config', 'devices', 'profiles', 'network', 'state', 'other'] as const;
export type DriftClass = (typeof driftClasses)[number];

/** How the build of an image ended. */
export const buildOutcomes = ['succeeded', 'failed'] as const;
export type BuildOutcome = (typeof buildOutcomes)[number];

/** Things that are removed when their owner is gone. */
export const pruneKinds = ['sandbox', 'link', 'rules', 'xfrm', 'reservation'] as const;
export type PruneKind = (typeof pruneKinds)[number];

export const pruneOutcomes = ['succeeded', 'failed'] as const;
export type PruneOutcome = (typeof pruneOutcomes)[number];

/** Why a sandbox that is not declared any more is not deleted (yet). */
export const pruneBlocks = ['Grace', 'SourceIncomplete', 'Guarded', 'NeedsConfirm', 'Protected', 'Orphaned'] as const;

/** Things in Incus that look like ours and are not. */
export const unmanagedKinds = ['instance'] as const;
export type UnmanagedKind = (typeof unmanagedKinds)[number];

/** How a read of a source fell short. */
export const sourceErrors = ['partial', 'failed'] as const;
export type SourceError = (typeof sourceErrors)[number];

export const streams = ['incus', 'nft', 'link'] as const;
export type Stream = (typeof streams)[number];

/** `server`: Incus replied with 5xx. `silent`: there was no reply. */
export const incusFailures = ['server', 'silent'] as const;

/** How a question of a sandbox for a name ended. */
export const queryResults = ['answered', 'stale', 'empty', 'absent', 'denied', 'limited', 'failed', 'dropped'] as const;
export type QueryResult = (typeof queryResults)[number];

/** Ruleset and second layer apart, because one holds while the other is gone. */
export type RulesLayer = 'nft' | 'xfrm';

/** How bad a detection is. */
export const detectionSeverities = ['info', 'warning', 'high', 'critical'] as const;
export type DetectionSeverity = (typeof detectionSeverities)[number];

/** What looks at sandboxes from the host. */
export const monitorSensors = ['process', 'network', 'names', 'volume', 'tmp'] as const;
export type MonitorSensor = (typeof monitorSensors)[number];

/** What may follow from a detection, and what did. */
export const detectionResponses = ['log', 'alert', 'network', 'freeze', 'kill'] as const;
export type DetectionResponse = (typeof detectionResponses)[number];
export const responseOutcomes = [
  'logged',
  'alerted',
  'isolated',
  'paused',
  'killed',
  'deduplicated',
  'logged (already paused)',
  'failed',
] as const;
export type ResponseOutcome = (typeof responseOutcomes)[number];

/** How a notification ended. `dropped`: too many of them, or none of the tries was taken. */
export const notificationChannels = ['webhook', 'desktop'] as const;
export type NotificationChannel = (typeof notificationChannels)[number];
export const notificationOutcomes = ['sent', 'dropped'] as const;
export type NotificationOutcome = (typeof notificationOutcomes)[number];
