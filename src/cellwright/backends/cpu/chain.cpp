// The steps of a stack of layers as one call, and the states they keep between calls.
//
// Rows go through all layers a block at a time, so that a block's values stay in the cache; blocks are shared out over
// threads. New states are written beside the old ones and take their place when a layer's step is done.
#include <stdint.h>
#include <string.h>

typedef void (*Step)(const void* memory, const void* const* given, void* const* left, void* scratch,
                     const int32_t* rows, int64_t count, int64_t turn);
typedef void (*Run)(void (*task)(void* data, int part, int parts), void* data, int n);
enum { MOST = 16 };  // inputs and states of a cell

// One layer: its step, its packed weights, its states [B, bytes of a row].
struct Link {
  Step step;
  const void* memory;
  int64_t states;
  const int64_t* bytes;
  char* const* state;
};

// `inputs` [rows, bytes] of a push are x and the further inputs, which every layer reads. A part works in a room of
// its own: the states of chosen rows, the new states of two layers in turn, the scratch of a step.
struct Chain {
  int64_t links, inputs, y_bytes, block, parts, states_room, room_bytes, work;
  const Link* link;
  const int64_t* input_bytes;
  const int32_t* numbers;
  char* room;
  Run run;
  int64_t steps, busy;
};

struct Push {
  const Chain* chain;
  const char* const* input;
  char* y;
  const int64_t* chosen;
  int64_t rows;
};

static void gather(char* to, const char* from, int64_t bytes, const int64_t* chosen, int64_t count) {
  for (int64_t n = 0; n < count; n++) memcpy(to + n * bytes, from + chosen[n] * bytes, bytes);
}
static void scatter(char* to, const char* from, int64_t bytes, const int64_t* chosen, int64_t count) {
  for (int64_t n = 0; n < count; n++) memcpy(to + chosen[n] * bytes, from + n * bytes, bytes);
}

// All layers over the rows from `begin` on.
static void push_block(const Push& push, char* room, int64_t begin, int64_t count) {
  const Chain& chain = *push.chain;
  const int64_t* chosen = push.chosen ? push.chosen + begin : 0;
  char* const scratch = room + 3 * chain.states_room;
  const void* given[MOST];
  void* left[MOST];
  for (int64_t n = 0; n < chain.inputs; n++) given[n] = push.input[n] + begin * chain.input_bytes[n];
  for (int64_t l = 0; l < chain.links; l++) {
    const Link& link = chain.link[l];
    char* old = room;
    char* fresh = room + (1 + l % 2) * chain.states_room;
    for (int64_t s = 0; s < link.states; s++) {
      if (chosen) {
        gather(old, link.state[s], link.bytes[s], chosen, count);
        given[chain.inputs + s] = old;
        old += link.bytes[s] * chain.block;
      } else {
        given[chain.inputs + s] = link.state[s] + begin * link.bytes[s];
      }
      left[s] = fresh;
      fresh += link.bytes[s] * chain.block;
    }
    link.step(link.memory, given, left, scratch, chain.numbers, count, chain.steps);
    for (int64_t s = 0; s < link.states; s++) {
      if (chosen) scatter(link.state[s], (char*)left[s], link.bytes[s], chosen, count);
      else memcpy(link.state[s] + begin * link.bytes[s], left[s], count * link.bytes[s]);
    }
    given[0] = left[0];
  }
  memcpy(push.y + begin * chain.y_bytes, given[0], count * chain.y_bytes);
}

static void push_part(void* data, int part, int) {
  const Push& push = *(const Push*)data;
  const Chain& chain = *push.chain;
  const int64_t blocks = (push.rows + chain.block - 1) / chain.block;
  for (int64_t k = blocks * part / chain.parts; k < blocks * (part + 1) / chain.parts; k++) {
    const int64_t begin = k * chain.block, rest = push.rows - begin;
    push_block(push, chain.room + part * chain.room_bytes, begin, rest < chain.block ? rest : chain.block);
  }
}

// One push at a time: whoever claims the chain first.
static bool claim(Chain* chain) { return !__atomic_exchange_n(&chain->busy, 1, __ATOMIC_ACQUIRE); }
static void release(Chain* chain) { __atomic_store_n(&chain->busy, 0, __ATOMIC_RELEASE); }

// One step of some rows: the chosen ones, or the first ones. y must not lie over an input.
static void push_rows(Chain* chain, const char* const* input, char* y, const int64_t* chosen, int64_t rows) {
  Push push = {chain, input, y, chosen, rows};
  if (rows <= chain->block) push_block(push, chain->room, 0, rows);
  else chain->run(push_part, &push, (int)chain->parts);
  chain->steps++;
}

// The same, unless another push is under way: then 1, and nothing is done.
extern "C" int push_at_once(Chain* chain, const char* const* input, char* y, const int64_t* chosen, int64_t rows) {
  if (!claim(chain)) return 1;
  push_rows(chain, input, y, chosen, rows);
  release(chain);
  return 0;
}
