import assert from "node:assert/strict";
import { test } from "node:test";
import { type Choice, commandOf, COMMANDS, mainHelp } from "../../../src/commands/table.ts";
import { table } from "../../support/table.ts";

table<{ names?: string[]; args: string[]; choice: Choice }>("the call", {
  "nothing: help": { args: [], choice: { kind: "help" } },
  "--help": { args: ["--help"], choice: { kind: "help" } },
  "-h": { args: ["-h"], choice: { kind: "help" } },
  "help": { args: ["help"], choice: { kind: "help" } },
  "help of a command": {
    args: ["help", "controller"],
    choice: { kind: "run", command: "controller", args: ["--help"] },
  },
  "help of a command by the reference's name": {
    args: ["help", "ghalistener"],
    choice: { kind: "run", command: "listener", args: ["--help"] },
  },
  "help of a word that is near": {
    args: ["help", "sandbix"],
    choice: { kind: "unknown", message: 'arc: there is no command "sandbix"; is sandbox meant? (see arc --help)' },
  },
  "help with a flag": { args: ["--help", "--log-level=info"], choice: { kind: "help" } },
  "a command": { args: ["controller", "--a"], choice: { kind: "run", command: "controller", args: ["--a"] } },
  "--version": { args: ["--version"], choice: { kind: "run", command: "version", args: [] } },
  "the reference's name as a command": {
    args: ["ghalistener"],
    choice: { kind: "run", command: "listener", args: [] },
  },
  "called as manager: all arguments are flags": {
    names: ["manager", "arc.mjs"],
    args: ["--auto-scaling-runner-set-only"],
    choice: { kind: "run", command: "controller", args: ["--auto-scaling-runner-set-only"] },
  },
  "called as ghalistener": {
    names: ["node", "ghalistener"],
    args: [],
    choice: { kind: "run", command: "listener", args: [] },
  },
  "called as arc": { names: ["arc", "arc"], args: ["sandbox"], choice: { kind: "run", command: "sandbox", args: [] } },
  "a word that is near": {
    args: ["listner"],
    choice: { kind: "unknown", message: 'arc: there is no command "listner"; is listener meant? (see arc --help)' },
  },
  "a word that is far": {
    args: ["frobnicate"],
    choice: { kind: "unknown", message: 'arc: there is no command "frobnicate" (see arc --help)' },
  },
  "a flag in its place": {
    args: ["--log-level=debug"],
    choice: { kind: "unknown", message: 'arc: there is no command "--log-level=debug" (see arc --help)' },
  },
}, ({ names = ["arc"], args, choice }) => assert.deepEqual(commandOf(names, args), choice));

test("the help names every command", () => {
  const help = mainHelp({ version: "1.2.3", commit: "x" });
  for (const name of Object.keys(COMMANDS)) assert.match(help, new RegExp(`^  ${name} +\\w`, "m"));
});

test("every command has a module that runs", async () => {
  for (const { load } of Object.values(COMMANDS)) assert.equal(typeof (await load()).run, "function");
});
