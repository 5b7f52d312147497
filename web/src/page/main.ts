import { PlainError } from "../words.ts";

export { PlainError };
