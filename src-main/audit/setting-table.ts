/** What a person may set by name, and which of the chosen values an audit would refuse, before one is started. */
import type { ChosenSettings, SettingFault, SettingTable } from '../../src-shared/domain/setting.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { parameterTable, requireParameter } from '../engine/tcore/parameters.ts';
import { defaultLimits, parseLimits } from '../formats/limits.ts';
import { parametersOf, typedOverrides } from './chosen-parameters.ts';

export async function settingTable(chosen: ChosenSettings): Promise<SettingTable> {
  // The names of devices come with all providers: fetched when a person asks, not when a host starts.
  const { candidatesFor, requireDevice } = await import('./providers.ts');
  const faults: SettingFault[] = [];
  const attempt = (field: SettingFault['field'], name: string, act: () => void): void => {
    const message = refusal(act);
    if (message !== null) faults.push({ field, name, message });
  };
  const overrides = typedOverrides(chosen);
  for (const [name, value] of Object.entries(overrides))
    attempt('overrides', name, () => requireParameter(name, value));
  if (faults.length === 0) {
    // What is wrong with them together: told at the one of them that the words name.
    const message = refusal(() => parametersOf({ preset: chosen.preset, overrides }));
    const names = Object.keys(overrides);
    const name = names.find((one) => message?.includes(`"${one}"`) === true) ?? 'memory.limit';
    if (message !== null) faults.push({ field: 'overrides', name, message });
  }
  for (const [name, value] of Object.entries(chosen.limits))
    attempt('limits', name, () => parseLimits({ [name]: value }));
  attempt('device', '', () => requireDevice(chosen.device));
  return {
    parameters: parameterTable(chosen.preset),
    limits: Object.entries(defaultLimits).flatMap(([group, limits]) =>
      Object.entries(limits as Readonly<Record<string, number>>).map(([name, value]) => ({
        name: `${group}.${name}`,
        value,
      })),
    ),
    devices: ['auto', 'cpu', 'gpu', ...candidatesFor('auto').map(({ id }) => id)],
    faults,
  };
}

/** The words an audit refuses with; null where it does not. */
function refusal(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof RangeError) return `${error.message}.`;
    if (error instanceof ExpectedError) return error.detail;
    throw error;
  }
}
