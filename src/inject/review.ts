import { z } from 'zod';
import { shown } from '../config/nearest.ts';
import { type InjectorSettings, inject } from './inject.ts';
import { NotInjected, type Operation, type Pod, podSchema } from './pod.ts';

const API_VERSION = 'admission.k8s.io/v1';
/** An API server cuts each to 256 characters, and all of an answer to 4096. */
const LONGEST_WARNING = 250;
const MOST_WARNINGS = 8;

const reviewSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1).max(256),
    operation: z.string(),
    namespace: z.string().nullish(),
    kind: z.object({ group: z.string(), kind: z.string() }),
    object: z.unknown().optional(),
  }),
});

export interface Answered {
  /** the AdmissionReview to answer with; it always allows */
  review: object;
  /** for the log; undefined: nothing was asked for */
  told?: { namespace: string; pod: string; injected: boolean; warnings: readonly string[] };
}

/** Not what an API server sends: one line. */
export class NoReview extends Error {
  override name = 'NoReview';
}

/** Answers an AdmissionReview of a pod. Throws NoReview for what is none; a pod is never refused. */
export function answerReview(body: string, settings: InjectorSettings): Answered {
  const { request } = readReview(body);
  const { uid, operation, kind, namespace } = request;
  const isNewPod = operation === 'CREATE' && kind.group === '' && kind.kind === 'Pod';
  const pod = isNewPod ? podSchema.safeParse(request.object).data : undefined;
  if (pod === undefined) return { review: allowed(uid, [], []) };
  const where = { namespace: shown(namespace ?? ''), pod: shown(nameOf(pod)) };
  try {
    const { operations, warnings } = inject(pod, settings);
    const review = allowed(uid, operations, warnings);
    return operations.length === 0 ? { review } : { review, told: { ...where, injected: true, warnings } };
  } catch (error) {
    if (!(error instanceof NotInjected)) throw error;
    const warnings = [`not injected: ${error.message}`];
    return { review: allowed(uid, [], warnings), told: { ...where, injected: false, warnings } };
  }
}

function readReview(body: string): z.infer<typeof reviewSchema> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new NoReview('expects an AdmissionReview, this is no JSON');
  }
  const found = reviewSchema.safeParse(value);
  if (found.success) return found.data;
  const [{ path }] = found.error.issues;
  throw new NoReview(`expects an AdmissionReview of ${API_VERSION}: ${path.join('.') || 'what came'} is not as there`);
}

function allowed(uid: string, operations: readonly Operation[], warnings: readonly string[]): object {
  const told = warnings.slice(0, MOST_WARNINGS).map((warning) => `tracehare: ${warning}`.slice(0, LONGEST_WARNING));
  return {
    apiVersion: API_VERSION,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: true,
      ...(operations.length > 0 && {
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
      }),
      ...(told.length > 0 && { warnings: told }),
    },
  };
}

/** Pods of a ReplicaSet or a Job have none yet. */
const nameOf = ({ metadata: { name, generateName } }: Pod): string => name || generateName || '';
