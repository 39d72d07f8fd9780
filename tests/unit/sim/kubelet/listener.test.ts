import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { ListenerContext, ListenerProgram } from "../../../../src/sim/kubelet/listener_program.ts";
import { TestWorld } from "../world_fixture.ts";

const CONFIG = "/etc/gha-listener/config.json";
const encoded = (text: string) => Buffer.from(text).toString("base64");

/** A listener pod with its config secret and service account, in a world that runs `program` in it. */
async function withListener(program: ListenerProgram): Promise<TestWorld> {
  const world = new TestWorld({ listener: program });
  const namespace = "/api/v1/namespaces/default";
  await world.kube("POST", `${namespace}/serviceaccounts`, { metadata: { name: "linux-listener" } });
  await world.kube("POST", `${namespace}/secrets`, {
    metadata: { name: "cfg" },
    data: { "config.json": encoded("1") },
  });
  await world.kube("POST", `${namespace}/secrets`, {
    metadata: { name: "proxy" },
    data: { http_proxy: encoded("http://p") },
  });
  await world.kube("POST", `${namespace}/pods`, {
    metadata: { name: "linux-listener", labels: { "app.kubernetes.io/component": "runner-scale-set-listener" } },
    spec: {
      restartPolicy: "Never",
      serviceAccountName: "linux-listener",
      terminationGracePeriodSeconds: 60,
      containers: [{
        name: "listener",
        image: "arc",
        command: ["/ghalistener"],
        env: [
          { name: "LISTENER_CONFIG_PATH", value: CONFIG },
          { name: "http_proxy", valueFrom: { secretKeyRef: { name: "proxy", key: "http_proxy" } } },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ],
        volumeMounts: [{ name: "listener-config", mountPath: "/etc/gha-listener", readOnly: true }],
      }],
      volumes: [{ name: "listener-config", secret: { secretName: "cfg" } }],
    },
  });
  await world.clock.advance(1000);
  return world;
}

test("a listener program gets its command, environment, files and token", async () => {
  let seen: ListenerContext | undefined;
  let token = "";
  const world = await withListener(async (context) => {
    seen = context;
    token = await context.serviceAccountToken();
    return 2;
  });
  await world.clock.advance(100);
  assert.deepEqual(seen?.command, ["/ghalistener"]);
  assert.deepEqual(seen?.env, { LISTENER_CONFIG_PATH: CONFIG, http_proxy: "http://p", POD: "linux-listener" });
  assert.equal(seen?.files.read(CONFIG), "1");
  assert.ok(token.length > 10);
  assert.equal((await world.stateOf("linux-listener", "listener"))?.terminated?.exitCode, 2);
  assert.equal((await world.podNow("linux-listener"))?.status?.phase, "Failed");
});

test("a changed secret reaches the program within a minute, or at once when the pod is annotated", async () => {
  const texts: (string | undefined)[] = [];
  const world = await withListener((context) => {
    context.files.onChange(() => texts.push(context.files.read(CONFIG)));
    return new Promise(() => {});
  });
  const change = (text: string) =>
    world.kube("PATCH", "/api/v1/namespaces/default/secrets/cfg", { data: { "config.json": encoded(text) } });
  await change("2");
  await world.clock.advance(61_000);
  assert.deepEqual(texts, ["2"]);
  await change("3");
  await world.kube("PATCH", "/api/v1/namespaces/default/pods/linux-listener", {
    metadata: { annotations: { now: "1" } },
  });
  await world.clock.advance(100);
  assert.deepEqual(texts, ["2", "3"]);
});

test("a listener that is deleted gets SIGTERM, and its pod goes when it has ended", async () => {
  const world = await withListener((context) =>
    new Promise((resolve) => {
      context.term.addEventListener("abort", () => world.clock.after(5000, () => resolve(0)));
    })
  );
  await world.deletePod("linux-listener");
  await world.clock.advance(4900);
  assert.equal((await world.podNow("linux-listener"))?.status?.phase, "Running");
  await world.clock.advance(200);
  assert.equal(await world.podNow("linux-listener"), undefined);
  const [record] = world.world.kubelet.ledger.started("listener");
  assert.equal(record?.exitCode, 0);
});

test("a listener that ignores SIGTERM is killed when its grace is over", async () => {
  const world = await withListener(() => new Promise(() => {}));
  await world.deletePod("linux-listener");
  await world.clock.advance(59_000);
  assert.ok(await world.podNow("linux-listener"));
  await world.clock.advance(2000);
  assert.equal(await world.podNow("linux-listener"), undefined);
  assert.equal(world.world.kubelet.ledger.started("listener")[0]?.exitCode, 137);
});
