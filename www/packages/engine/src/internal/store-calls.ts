/** The calls about stored models: what each asks with and answers with. */

import type {
  Fit,
  FitWishes,
  ModelDetails,
  ModelFacts,
  StoredModel,
  VerifyReport,
} from "../public/models.js";

export interface StoreCalls {
  "models.pull": {
    body: {
      readonly ref: string;
      readonly name: string | undefined;
      readonly digest: string | undefined;
    };
    result: StoredModel;
  };
  "models.add": {
    body: { readonly files: readonly File[]; readonly name: string | undefined };
    result: StoredModel;
  };
  "models.list": { body: object; result: StoredModel[] };
  "models.show": { body: { readonly name: string }; result: ModelDetails };
  "models.rm": { body: { readonly name: string }; result: null };
  "models.verify": { body: { readonly name: string }; result: VerifyReport };
  "models.blobs": { body: { readonly name: string }; result: NamedBlob[] };
  "models.fit": {
    body: {
      readonly source: string | readonly File[] | ModelFacts;
      readonly wishes: FitWishes;
    };
    result: Fit;
  };
  "models.kind": { body: object; result: StoreKind };
}

export type StoreKind = "opfs" | "indexeddb" | "memory";

/** A stored file as the browser's own. */
export interface NamedBlob {
  readonly name: string;
  readonly blob: Blob;
}

export type StoreCallName = keyof StoreCalls;

export type StoreCall = {
  [K in StoreCallName]: { readonly type: K; readonly id: number } & StoreCalls[K]["body"];
}[StoreCallName];

export function isStoreCall(call: { readonly type: string }): call is StoreCall {
  return call.type.startsWith("models.");
}
