/** Every fault that can come in a chaos world: one table. */
import { FAULT_SETS } from "../../src/sim/faults.ts";
import type { Fault } from "../../src/sim/faults/fault.ts";
import { ODD_FAULTS } from "../../src/sim/faults/odd_faults.ts";
import { SERVICE_FAULTS } from "../../src/sim/faults/service_faults.ts";
import type { ChaosSystem } from "./chaos_system.ts";
import { processFaults } from "./process_faults.ts";
import { userFaults } from "./user_faults.ts";

/** The table, bound to a system: faults of processes and of users act on it. */
export function faultsOf(system: ChaosSystem): readonly Fault[] {
  return tableOf(() => system);
}

/** Names and weights: what a plan draws from. */
export function faultNames(): readonly Pick<Fault, "name" | "weight">[] {
  const nobody = () => {
    throw new Error("this table is for its names only");
  };
  return tableOf(nobody);
}

function tableOf(system: () => ChaosSystem): readonly Fault[] {
  return [...FAULT_SETS.all, ...SERVICE_FAULTS, ...ODD_FAULTS, ...processFaults(system), ...userFaults(system)];
}

/** @throws RangeError when there is none of that name */
export function faultNamed(table: readonly Fault[], name: string): Fault {
  const fault = table.find((candidate) => candidate.name === name);
  if (!fault) throw new RangeError(`there is no fault "${name}"`);
  return fault;
}
