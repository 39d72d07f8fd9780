/**
 * Worlds that were broken once, each with the fewest faults that broke it. The rest of a world (scale sets, jobs, kind
 * of service) is that of its seed.
 */
import type { PlannedFault } from "./plan.ts";

export interface Regression {
  readonly wrong: string;
  readonly seed: number;
  readonly faults: readonly PlannedFault[];
}

/** The wall clock is set back by half an hour. */
const BACK = 1;

export const REGRESSIONS: readonly Regression[] = [
  {
    wrong: "a container that went on after its job was never ended where runningJobs is kept, and its set never went",
    seed: 4,
    faults: [{ atMs: 100_000, name: "container outlives its job", seed: 1 }],
  },
  {
    wrong: "message ids that started again below the cursor made a listener deaf until its session was lost",
    seed: 44,
    faults: [1, 2, 3, 4, 5].map((seed) => ({ atMs: 300_000 + seed, name: "message ids restart low", seed })),
  },
  {
    wrong: "a replacement of old runners that failed once was halted for ever, though GitHub and the nodes were well",
    seed: 180,
    faults: [
      { atMs: 1_000_000, name: "pod exits 1 at start", seed: 1 },
      ...[1, 2, 3, 4, 5].map((seed) => ({ atMs: 1_000_100 + seed, name: "template edited", seed })),
    ],
  },
  {
    wrong: "a clock that was set back kept surplus runners for as long",
    seed: 64,
    faults: [9_000, 17_000, 25_000, 33_000].map((ms) => ({
      atMs: 1_312_000 + ms,
      name: "clock jumps",
      seed: BACK,
    })),
  },
  {
    wrong: "one 404 of acquirejobs by mistake, and the offers of the session were never taken",
    seed: 66,
    faults: [{ atMs: 1_186_779, name: "acquirejobs 404", seed: 1_137_554_104 }],
  },
  {
    wrong: "events were taken for older than their session when the clock was set back: two runners where one may be",
    seed: 9,
    faults: [{ atMs: 1_236_690, name: "clock jumps", seed: BACK }],
  },
  {
    wrong: "a message that was overtaken took its ends off figures that held them already: a runner too many was made",
    seed: 20055,
    faults: [
      { atMs: 480_319, name: "scale set hangs", seed: 512_065_575 },
      { atMs: 678_343, name: "poll answer lost", seed: 647_710_433 },
    ],
  },
  {
    wrong: "a runner version that was refused once was never tried again after a restart with a clock set back",
    seed: 163,
    faults: [
      { atMs: 305_667, name: "runner version refused", seed: 1_644_179_072 },
      { atMs: 426_070, name: "clock jumps", seed: 757_317_199 },
      { atMs: 950_218, name: "controller killed", seed: 1 },
    ],
  },
  {
    wrong: "offers that GitHub had refused came again during the pause, and were deleted with their message",
    seed: 942,
    faults: [
      { atMs: 567_091, name: "github poll hangs", seed: 306_953_608 },
      { atMs: 623_803, name: "poll 401", seed: 1_068_483_170 },
      { atMs: 750_654, name: "acquirejobs 409", seed: 1_533_159_813 },
      { atMs: 772_310, name: "nothing allowed for a while", seed: 1_008_086_923 },
      { atMs: 977_725, name: "controller crashes before an answer", seed: 1_444_099_640 },
    ],
  },
  {
    wrong: "GitHub refused the credentials once, and a runner deleted by hand lost the job that it had just been given",
    seed: 170,
    faults: [
      { atMs: 1_181_437, name: "login 401", seed: 1_576_101_939 },
      { atMs: 1_232_846, name: "node lost while no controller is there", seed: 1_956_115_126 },
      { atMs: 1_234_593, name: "node lost while no controller is there", seed: 1_452_240_985 },
      { atMs: 1_235_182, name: "runner deleted by hand", seed: 38_970_194 },
    ],
  },
  {
    wrong: "nobody was told of a job whose runner was being deleted and lost its pod while no controller was there",
    seed: 731,
    faults: [
      { atMs: 216_793, name: "runner deleted before its creation is answered", seed: 1_905_167_051 },
      { atMs: 316_518, name: "node lost while no controller is there", seed: 521_978_953 },
    ],
  },
  {
    wrong:
      "an idle runner deleted by hand had just been given a job: another was made beside it, one more than allowed",
    seed: 1262,
    faults: [
      { atMs: 875_845, name: "runner deleted by hand", seed: 630_434_510 },
    ],
  },
  {
    wrong:
      "GitHub had given up a job before any controller saw that its runner, which was being deleted, was gone: silence",
    seed: 1807,
    faults: [
      { atMs: 1_007_461, name: "api server restarts", seed: 1_883_075_555 },
      { atMs: 1_046_015, name: "api server restarts", seed: 887_649_178 },
      { atMs: 1_309_634, name: "node lost while no controller is there", seed: 465_318_061 },
      { atMs: 1_375_875, name: "runner deleted by hand", seed: 198_639_448 },
    ],
  },
  {
    wrong: "a set whose scale set GitHub had forgotten waited ten minutes for a container that went on after its job",
    seed: 3119,
    faults: [
      { atMs: 411_135, name: "listener killed", seed: 959_138_059 },
      { atMs: 521_350, name: "container outlives its job", seed: 1_145_987_887 },
      { atMs: 1_055_239, name: "scale set deleted at GitHub", seed: 1_668_648_992 },
      { atMs: 1_489_213, name: "node lost while no controller is there", seed: 1_595_228_236 },
      { atMs: 1_614_532, name: "scale set deleted and made again", seed: 51_080_569 },
    ],
  },
  {
    wrong: "a version was refused, the clock set back, and the runner that was tried taken for one of the old ones",
    seed: 3258,
    faults: [
      { atMs: 798_503, name: "runner version refused", seed: 103_236_607 },
      { atMs: 1_197_831, name: "clock jumps", seed: 1_180_784_279 },
    ],
  },
  {
    wrong: "a clock that was set back made a deletion look long ago, and GitHub was given up after two tries",
    seed: 3286,
    faults: [
      { atMs: 1_082_797, name: "clock jumps", seed: 1_131_961_802 },
      { atMs: 1_215_010, name: "runner removal hangs", seed: 1_929_610_623 },
      { atMs: 1_435_652, name: "runner deleted by hand", seed: 472_446_568 },
      { atMs: 1_500_235, name: "poll 404", seed: 1_154_893_884 },
    ],
  },
  {
    wrong:
      "a pause made a runner more than had been allowed before it: GitHub's count of assigned jobs was all there was",
    seed: 3578,
    faults: [
      { atMs: 388_251, name: "scale set answer lost", seed: 1_564_727_920 },
      { atMs: 451_473, name: "jitconfig 401", seed: 856_788_275 },
      { atMs: 453_235, name: "scale set 404", seed: 897_412_122 },
      { atMs: 618_793, name: "node lost while no controller is there", seed: 733_941_295 },
      { atMs: 884_897, name: "github error 500", seed: 278_092_655 },
      { atMs: 890_440, name: "unschedulable for a while", seed: 974_428_864 },
      { atMs: 951_182, name: "github message lost on the way", seed: 1_910_876_846 },
      { atMs: 963_951, name: "github poll hangs", seed: 2_104_471_840 },
      { atMs: 1_168_955, name: "paused for a while", seed: 567_344_619 },
    ],
  },
  {
    wrong: "three 404s of acquirejobs in a row, by mistake, and the offers of the session were never taken",
    seed: 686,
    faults: [
      { atMs: 586_870, name: "acquirejobs 404", seed: 1_691_088_911 },
      { atMs: 594_362, name: "acquirejobs 404", seed: 1_390_336_128 },
    ],
  },
  {
    wrong: "a version was refused, and after a pause nobody thought of the next trial: no runner was ever made again",
    seed: 5324,
    faults: [
      { atMs: 167_203, name: "limits edited", seed: 881_082_123 },
      { atMs: 955_529, name: "runner version refused", seed: 330_537_631 },
      { atMs: 1_189_609, name: "controller stopped politely", seed: 1_647_242_007 },
      { atMs: 1_472_168, name: "paused for a while", seed: 453_509_885 },
      { atMs: 1_509_117, name: "controller stopped politely", seed: 2_007_076_292 },
      { atMs: 1_532_079, name: "watch cut", seed: 2_084_935_377 },
    ],
  },
  {
    wrong: "a runner was deleted by hand, its pod and its job went while nobody was there, and nobody was told",
    seed: 7045,
    faults: [
      { atMs: 301_248, name: "no controller for minutes, and a runner deleted by hand", seed: 707_248_612 },
      { atMs: 346_812, name: "node lost while no controller is there", seed: 1_252_569_616 },
    ],
  },
  {
    wrong: "a secret had been rotated, and a listener said that it is refused before it had read the new one",
    seed: 7732,
    faults: [
      { atMs: 193_551, name: "runner look-up 401", seed: 1_157_821_004 },
      { atMs: 269_445, name: "scale set deleted and made again", seed: 2_025_852_282 },
      { atMs: 466_587, name: "controller stopped politely", seed: 1_428_883_268 },
      { atMs: 903_133, name: "runner version refused", seed: 827_142_827 },
      { atMs: 1_511_539, name: "template edited", seed: 1_697_017_944 },
      { atMs: 1_683_206, name: "secret rotated", seed: 1_590_713_835 },
    ],
  },
  {
    wrong: "a job that started while a session was being opened was counted twice: by its event, and in the figures",
    seed: 467,
    faults: [{ atMs: 265_194, name: "listener crashes before a request", seed: 1_588_207_409 }],
  },
  {
    wrong: "a job ended before its start was told, and for half a minute one runner too many was taken to be at work",
    seed: 11938,
    faults: [],
  },
  {
    wrong:
      "a job ended before its start was told, its scale set could not be read for long, and a runner too many stayed",
    seed: 14187,
    faults: [
      { atMs: 640_933, name: "secret rotated", seed: 641_773_135 },
      { atMs: 1_673_551, name: "limits edited", seed: 595_504_866 },
      { atMs: 1_677_172, name: "admin token expired", seed: 185_390_015 },
    ],
  },
  {
    wrong: "an assignment that had got lost came again long after its job had ended: a runner too many, for ever",
    seed: 20376,
    faults: [
      { atMs: 1_397_643, name: "github message lost on the way", seed: 1_783_366_729 },
      { atMs: 1_574_331, name: "session taken by another", seed: 1_672_776_993 },
    ],
  },
  {
    wrong:
      "a clock was set back in the first poll of a session: a job's start was taken for an old one, and a runner made",
    seed: 20736,
    faults: [
      { atMs: 17_010, name: "clock jumps", seed: 155_444_893 },
    ],
  },
  {
    wrong: "a new leader that saw an old listener wrote anew since when it was not ready",
    seed: 17508,
    faults: [
      { atMs: 2_320, name: "paused for a while", seed: 817_903_272 },
      { atMs: 103_667, name: "watch cut", seed: 151_785_365 },
      { atMs: 277_390, name: "statistics late", seed: 1_054_179_132 },
      { atMs: 401_213, name: "watch late", seed: 2_014_145_074 },
      { atMs: 692_220, name: "watch cut", seed: 1_953_516_901 },
      { atMs: 747_352, name: "controller killed", seed: 1_891_162_356 },
      { atMs: 811_925, name: "controller crashes before an answer", seed: 338_538_353 },
      { atMs: 906_906, name: "watch gone 410", seed: 1_612_092_027 },
      { atMs: 1_281_705, name: "api server restarts", seed: 1_346_445_316 },
    ],
  },
  {
    wrong: "a start that was told late, after an end that was younger than the session, was counted twice",
    seed: 23054,
    faults: [
      { atMs: 335_024, name: "controller crashes before an answer", seed: 927_315_155 },
      { atMs: 556_905, name: "controller crashes before a request", seed: 1_402_186_993 },
    ],
  },
  {
    wrong: "what no controller was there to do was waited for no longer than if there had been one (the check's fault)",
    seed: 23515,
    faults: [
      { atMs: 1_584_791, name: "no controller for minutes, and a runner deleted by hand", seed: 2_082_233_882 },
    ],
  },
  {
    wrong: "an offer that a listener left behind when it died: the next one took its old figures for new",
    seed: 24160,
    faults: [
      { atMs: 877_293, name: "listener killed", seed: 1_203_053_618 },
      { atMs: 929_641, name: "controller crashes before an answer", seed: 1_630_888_373 },
      { atMs: 969_701, name: "listener crashes before a request", seed: 1_790_276_472 },
    ],
  },
  {
    wrong: "a source that could not be read for a moment stood as a problem of its scale sets for ever",
    seed: 26103,
    faults: [
      { atMs: 673_119, name: "watch cut", seed: 714_250_654 },
      { atMs: 839_678, name: "controller crashes before a request", seed: 1_409_725_699 },
      { atMs: 1_433_812, name: "api connection refused", seed: 1_843_096_677 },
      { atMs: 1_438_502, name: "poll 401", seed: 1_427_317_378 },
      { atMs: 1_443_943, name: "acquirejobs 502", seed: 1_463_045_221 },
    ],
  },
  {
    wrong:
      "a set's request to let a runner go was answered after the runner had been registered anew, and its job ended",
    seed: 27090,
    faults: [
      { atMs: 279_633, name: "login slow", seed: 297_786_283 },
      { atMs: 605_950, name: "runner removal slow", seed: 1_599_993_971 },
      { atMs: 741_617, name: "api server restarts", seed: 1_245_294_576 },
      { atMs: 768_514, name: "scale set deleted and made again", seed: 1_491_616_843 },
    ],
  },
  {
    wrong: "GitHub was given up after two tries by a controller that had just started",
    seed: 25693,
    faults: [
      { atMs: 23_441, name: "scale set slow", seed: 1_159_096_901 },
      { atMs: 338_333, name: "limits edited", seed: 1_457_515_785 },
      { atMs: 346_337, name: "statistics too high", seed: 888_690_501 },
      { atMs: 800_032, name: "template edited", seed: 1_289_036_939 },
      { atMs: 814_342, name: "watch cut", seed: 1_273_665_283 },
      { atMs: 923_796, name: "queue token expired", seed: 710_266_608 },
      { atMs: 962_219, name: "github poll hangs", seed: 790_324_385 },
      { atMs: 1_007_877, name: "no controller for minutes, and a runner deleted by hand", seed: 539_458_127 },
      { atMs: 1_085_147, name: "pod evicted", seed: 1_984_266_139 },
      { atMs: 1_209_562, name: "runner removal 409", seed: 1_410_054_106 },
    ],
  },
  {
    wrong: "no statistics, and a job's end told before its start: another job was taken for ended, and a runner made",
    seed: 30690,
    faults: [
      { atMs: 289_433, name: "statistics null", seed: 2_130_054_510 },
    ],
  },
  {
    wrong: "message ids had started again: a message was taken for an overtaken one, and a runner too many made",
    seed: 48607,
    faults: [
      { atMs: 41_129, name: "session answer lost", seed: 1_555_613_314 },
      { atMs: 144_569, name: "login slow", seed: 241_144_745 },
      { atMs: 231_235, name: "poll hangs", seed: 675_612_465 },
      { atMs: 322_102, name: "node lost while no controller is there", seed: 575_498_404 },
      { atMs: 493_194, name: "session slow", seed: 1_876_772_614 },
      { atMs: 591_784, name: "no controller for minutes, and a runner deleted by hand", seed: 1_905_255_830 },
      { atMs: 982_453, name: "message ids restart low", seed: 868_065_853 },
      { atMs: 1_278_594, name: "message deletion 409", seed: 331_492_397 },
    ],
  },
];
