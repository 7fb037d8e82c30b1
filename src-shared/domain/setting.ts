/** What a person may set by name: parameters of the method, limits of the readers, where to compute. */
import type { AuditRequest } from './run.ts';

/** Which values a parameter can have: at least 0; 0..1; rising shares with commas between; yes or no; one of a few. */
export type ParameterWants =
  | { readonly kind: 'number' | 'share' | 'shares' | 'switch' }
  | { readonly kind: 'choice'; readonly of: readonly string[] };

export interface ParameterFact {
  /** Dotted, e.g. "grow.cap". */
  readonly name: string;
  /** What the preset leaves it at. */
  readonly value: number | string | boolean;
  readonly wants: ParameterWants;
}

export interface LimitFact {
  /** Dotted, e.g. "dataset.maxFiles". */
  readonly name: string;
  readonly value: number;
}

/** A value that an audit would refuse, in the words it would refuse it with. */
export interface SettingFault {
  readonly field: 'overrides' | 'limits' | 'device';
  /** Of the parameter or limit; empty for the device. */
  readonly name: string;
  readonly message: string;
}

export type ChosenSettings = Pick<AuditRequest, 'preset' | 'overrides' | 'limits' | 'device'>;

export interface SettingTable {
  readonly parameters: readonly ParameterFact[];
  readonly limits: readonly LimitFact[];
  /** Names that a device can have here. */
  readonly devices: readonly string[];
  /** What of the chosen values an audit would refuse. */
  readonly faults: readonly SettingFault[];
}
