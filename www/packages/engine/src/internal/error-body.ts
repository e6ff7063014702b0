import { EngineError } from "../public/errors.js";
import type { ErrorBody } from "./protocol.js";

/** The module throws plain `{ code, message, detail }`; all else is an error of this package. */
export function errorBody(error: unknown): ErrorBody {
  const body = error as Partial<ErrorBody> | null;
  if (typeof body?.code === "string" && typeof body.message === "string") {
    return { code: body.code, message: body.message, detail: body.detail ?? "" };
  }
  const { code, message, detail } = EngineError.from(error);
  return { code, message, detail };
}
