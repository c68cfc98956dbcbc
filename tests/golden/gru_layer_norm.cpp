// gru_layer_norm: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph 76f1f3b7a16b4843
//
// v_t = p_x ⊙ LN(W x_t) + b_x + p_h ⊙ LN(U h_{t-1}) + b_h
// z_t = σ(v_t⟨1/2⟩)
// r_t = σ(v_t⟨2/2⟩)
// n_t = tanh(p_n ⊙ LN(W_n x_t) + b_n + r_t ⊙ (p_m ⊙ LN(U_n h_{t-1}) + b_m))
// h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
  if (size > most) most = size;
  return most;
}

// The hoisted products of a chunk of steps, for one thread's sequences.
static void forward_feeds(const Forward& all, int64_t first, const Share& share) {
  {
    const int64_t widths[] = {all.I};
    const real* const panels[] = {all.panel_2, all.panel_3};
    const real* const biases[] = {0, 0};
    const int64_t units[] = {2 * all.H, all.H};
    const int64_t offsets[] = {0, 2 * all.H};
    for (int k = 0; k < 2; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (3 * all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, 2 * all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (13 * all.H)) + unit, result[0], count);
    });
  const int64_t widths_1[] = {all.H};
  product<1>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (13 * all.H) + 8 * all.H) + unit, result[0], count);
    });
}

static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_v2 = (real*)(all.scratch + row * (13 * all.H));
    real* const at_W_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H));
    V fold_3 = splat(0);
    V fold_15 = splat(0);
    each_vector(2 * all.H, [&](int64_t unit, auto count) {
      const V v2 = load(at_v2 + unit, count);
      fold_3 = fold_3 + only(v2, count, 0);
      const V W_x = load(at_W_x + unit, count);
      fold_15 = fold_15 + only(W_x, count, 0);
    });
    const V v3 = splat(total(fold_3) / (real)(2 * all.H));
    const V v15 = splat(total(fold_15) / (real)(2 * all.H));
    real* const at_v33 = (real*)(all.scratch + row * (13 * all.H) + 8 * all.H);
    real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + 2 * all.H);
    V fold_34 = splat(0);
    V fold_48 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v33 = load(at_v33 + unit, count);
      fold_34 = fold_34 + only(v33, count, 0);
      const V W_n_x = load(at_W_n_x + unit, count);
      fold_48 = fold_48 + only(W_n_x, count, 0);
    });
    const V v34 = splat(total(fold_34) / (real)(all.H));
    const V v48 = splat(total(fold_48) / (real)(all.H));
    real* const to_v4 = (real*)(all.scratch + row * (13 * all.H) + 2 * all.H);
    real* const to_v16 = (real*)(all.scratch + row * (13 * all.H) + 4 * all.H);
    V fold_6 = splat(0);
    V fold_18 = splat(0);
    each_vector(2 * all.H, [&](int64_t unit, auto count) {
      const V v2 = load(at_v2 + unit, count);
      const V v4 = v2 - v3;
      store(to_v4 + unit, v4, count);
      fold_6 = fold_6 + only((v4 * v4), count, 0);
      const V W_x = load(at_W_x + unit, count);
      const V v16 = W_x - v15;
      store(to_v16 + unit, v16, count);
      fold_18 = fold_18 + only((v16 * v16), count, 0);
    });
    const V v6 = splat(total(fold_6) / (real)(2 * all.H));
    const V v18 = splat(total(fold_18) / (real)(2 * all.H));
    real* const to_v35 = (real*)(all.scratch + row * (13 * all.H) + 9 * all.H);
    real* const to_v49 = (real*)(all.scratch + row * (13 * all.H) + 11 * all.H);
    V fold_37 = splat(0);
    V fold_51 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v33 = load(at_v33 + unit, count);
      const V v35 = v33 - v34;
      store(to_v35 + unit, v35, count);
      fold_37 = fold_37 + only((v35 * v35), count, 0);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V v49 = W_n_x - v48;
      store(to_v49 + unit, v49, count);
      fold_51 = fold_51 + only((v49 * v49), count, 0);
    });
    const V v37 = splat(total(fold_37) / (real)(all.H));
    const V v51 = splat(total(fold_51) / (real)(all.H));
    const V v8 = v6 + splat((real)1e-05);
    const V v9 = sqrt_(v8);
    if (all.keep) *(all.kept + (step * all.B + row) * (7 * all.H + 4)) = v9[0];
    const V v19 = v18 + splat((real)1e-05);
    const V v20 = sqrt_(v19);
    if (all.keep) *(all.kept + (step * all.B + row) * (7 * all.H + 4) + 2 * all.H + 1) = v20[0];
    const V v38 = v37 + splat((real)1e-05);
    const V v39 = sqrt_(v38);
    if (all.keep) *(all.kept + (step * all.B + row) * (7 * all.H + 4) + 4 * all.H + 2) = v39[0];
    const V v52 = v51 + splat((real)1e-05);
    const V v53 = sqrt_(v52);
    if (all.keep) *(all.kept + (step * all.B + row) * (7 * all.H + 4) + 6 * all.H + 3) = v53[0];
    real* const at_v4 = (real*)(all.scratch + row * (13 * all.H) + 2 * all.H);
    real* const to_v10 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const at_v16 = (real*)(all.scratch + row * (13 * all.H) + 4 * all.H);
    real* const to_v21 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const at_b_x = (real*)(all.b_x);
    real* const at_b_h = (real*)(all.b_h);
    real* const to_v = (real*)(all.scratch + row * (13 * all.H) + 6 * all.H);
    each_vector(2 * all.H, [&](int64_t unit, auto count) {
      const V v4 = load(at_v4 + unit, count);
      const V v10 = v4 / v9;
      if (all.keep) store(to_v10 + unit, v10, count);
      const V p_h = load(at_p_h + unit, count);
      const V v16 = load(at_v16 + unit, count);
      const V v21 = v16 / v20;
      if (all.keep) store(to_v21 + unit, v21, count);
      const V p_x = load(at_p_x + unit, count);
      const V b_x = load(at_b_x + unit, count);
      const V b_h = load(at_b_h + unit, count);
      const V v = (((p_x * v21) + b_x) + b_h) + (p_h * v10);
      store(to_v + unit, v, count);
    });
    real* const at_v35 = (real*)(all.scratch + row * (13 * all.H) + 9 * all.H);
    real* const to_v40 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 4 * all.H + 3);
    real* const at_p_m = (real*)(all.p_m);
    real* const at_b_m = (real*)(all.b_m);
    real* const to_v44 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 5 * all.H + 3);
    real* const to_v44_2 = (real*)(all.scratch + row * (13 * all.H) + 10 * all.H);
    real* const at_v49 = (real*)(all.scratch + row * (13 * all.H) + 11 * all.H);
    real* const to_v54 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const at_p_n = (real*)(all.p_n);
    real* const at_b_n = (real*)(all.b_n);
    real* const to_v57 = (real*)(all.scratch + row * (13 * all.H) + 12 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v35 = load(at_v35 + unit, count);
      const V v40 = v35 / v39;
      if (all.keep) store(to_v40 + unit, v40, count);
      const V p_m = load(at_p_m + unit, count);
      const V b_m = load(at_b_m + unit, count);
      const V v44 = b_m + (p_m * v40);
      if (all.keep) store(to_v44 + unit, v44, count);
      store(to_v44_2 + unit, v44, count);
      const V v49 = load(at_v49 + unit, count);
      const V v54 = v49 / v53;
      if (all.keep) store(to_v54 + unit, v54, count);
      const V p_n = load(at_p_n + unit, count);
      const V b_n = load(at_b_n + unit, count);
      const V v57 = (p_n * v54) + b_n;
      store(to_v57 + unit, v57, count);
    });
    real* const at_v28 = (real*)(all.scratch + row * (13 * all.H) + 6 * all.H + 0);
    real* const to_z = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 2 * all.H + 2);
    real* const at_v30 = (real*)(all.scratch + row * (13 * all.H) + 6 * all.H + all.H);
    real* const to_r = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 3 * all.H + 2);
    real* const at_v44 = (real*)(all.scratch + row * (13 * all.H) + 10 * all.H);
    real* const at_v57 = (real*)(all.scratch + row * (13 * all.H) + 12 * all.H);
    real* const to_n_ = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 6 * all.H + 4);
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v28 = load(at_v28 + unit, count);
      const V z = sigmoid_(v28);
      if (all.keep) store(to_z + unit, z, count);
      const V v30 = load(at_v30 + unit, count);
      const V r = sigmoid_(v30);
      if (all.keep) store(to_r + unit, r, count);
      const V v44 = load(at_v44 + unit, count);
      const V v57 = load(at_v57 + unit, count);
      const V n_ = tanh_((v57 + (r * v44)));
      if (all.keep) store(to_n_ + unit, n_, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V h = ((1 - z) * h_prev) + (z * n_);
      store(to_h + unit, h, count);
    });
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H) + deep(2 * all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(2 * all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 3 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 3 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 3 * all.H, all.I) + pile_size(1, 3 * all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {2 * all.H, all.H};
    product<1>(all.panel_1, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (6 * all.H) + (term == 0 ? 0 : 2 * all.H); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 3 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (6 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 3 * all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, 3 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (6 * all.H) + 3 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, 3 * all.H, all.H);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 3 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 3 * all.H, all.I);
  if (all.outer_1)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 3 * all.H, all.H,
               all.outer_1, false, part, parts);
  pile += pile_size(1, 3 * all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_z = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 2 * all.H + 2);
    real* const to_v20 = (real*)(all.scratch + row * (14 * all.H));
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const to_v23 = (real*)(all.scratch + row * (14 * all.H) + all.H);
    real* const at_n_ = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 6 * all.H + 4);
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const at_kept_54 = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const at_p_n = (real*)(all.p_n);
    real* const to_v33 = (real*)(all.scratch + row * (14 * all.H) + 2 * all.H);
    real* const at_kept_44 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 5 * all.H + 3);
    real* const at_r = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 3 * all.H + 2);
    real* const at_kept_40 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 4 * all.H + 3);
    real* const at_p_m = (real*)(all.p_m);
    real* const to_v44 = (real*)(all.scratch + row * (14 * all.H) + 3 * all.H);
    real* const to_v55 = (real*)(all.scratch + row * (14 * all.H) + 4 * all.H);
    real* const to_v59 = (real*)(all.scratch + row * (14 * all.H) + 7 * all.H);
    V fold_35 = splat(0);
    V fold_37 = splat(0);
    V fold_46 = splat(0);
    V fold_48 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V z = load(at_z + unit, count);
      const V v20 = 1 - z;
      store(to_v20 + unit, v20, count);
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v23 = dh_next + dy;
      store(to_v23 + unit, v23, count);
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = v23 * z;
      const V h_prev = load(at_h_prev + unit, count);
      const V db_n = dn_ * (1 - (n_ * n_));
      collect(sums + 11 * all.H + unit, db_n, count);
      const V kept_54 = load(at_kept_54 + unit, count);
      const V dp_n = db_n * kept_54;
      collect(sums + 10 * all.H + unit, dp_n, count);
      const V p_n = load(at_p_n + unit, count);
      const V v33 = db_n * p_n;
      store(to_v33 + unit, v33, count);
      fold_35 = fold_35 + only((v33 * kept_54), count, 0);
      fold_37 = fold_37 + only(v33, count, 0);
      const V kept_44 = load(at_kept_44 + unit, count);
      const V dr_ = db_n * kept_44;
      const V r = load(at_r + unit, count);
      const V db_m = db_n * r;
      collect(sums + 9 * all.H + unit, db_m, count);
      const V kept_40 = load(at_kept_40 + unit, count);
      const V dp_m = db_m * kept_40;
      collect(sums + 8 * all.H + unit, dp_m, count);
      const V p_m = load(at_p_m + unit, count);
      const V v44 = db_m * p_m;
      store(to_v44 + unit, v44, count);
      fold_46 = fold_46 + only((v44 * kept_40), count, 0);
      fold_48 = fold_48 + only(v44, count, 0);
      const V v55 = dr_ * (r * (1 - r));
      store(to_v55 + unit, v55, count);
      const V dz_ = (v23 * n_) + (-(v23 * h_prev));
      const V v59 = dz_ * (z * v20);
      store(to_v59 + unit, v59, count);
    });
    const V v35 = splat(total(fold_35) / (real)(all.H));
    const V v37 = splat(total(fold_37) / (real)(all.H));
    const V v46 = splat(total(fold_46) / (real)(all.H));
    const V v48 = splat(total(fold_48) / (real)(all.H));
    {
      real* to = (real*)(all.scratch + row * (14 * all.H) + 5 * all.H);
      memset(to, 0, (2 * all.H) * sizeof(real));
      memcpy(to + all.H, all.scratch + row * (14 * all.H) + 4 * all.H,
             (all.H) * sizeof(real));
    }
    {
      real* to = (real*)(all.scratch + row * (14 * all.H) + 8 * all.H);
      memset(to, 0, (2 * all.H) * sizeof(real));
      memcpy(to + 0, all.scratch + row * (14 * all.H) + 7 * all.H,
             (all.H) * sizeof(real));
    }
    real* const at_v33 = (real*)(all.scratch + row * (14 * all.H) + 2 * all.H);
    real* const at_kept_53 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 6 * all.H + 3);
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H) + 2 * all.H);
    real* const at_v44 = (real*)(all.scratch + row * (14 * all.H) + 3 * all.H);
    real* const at_kept_39 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 4 * all.H + 2);
    real* const to_v51 = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H) + 5 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V kept_54 = load(at_kept_54 + unit, count);
      const V v33 = load(at_v33 + unit, count);
      const V kept_53 = splat(*at_kept_53);
      const V dW_n_x = ((v33 - v37) - (kept_54 * v35)) / kept_53;
      store(to_dW_n_x + unit, dW_n_x, count);
      const V kept_40 = load(at_kept_40 + unit, count);
      const V v44 = load(at_v44 + unit, count);
      const V kept_39 = splat(*at_kept_39);
      const V v51 = ((v44 - v48) - (kept_40 * v46)) / kept_39;
      store(to_v51 + unit, v51, count);
    });
    real* const at_v56 = (real*)(all.scratch + row * (14 * all.H) + 5 * all.H);
    real* const at_v60 = (real*)(all.scratch + row * (14 * all.H) + 8 * all.H);
    real* const at_kept_21 = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const to_v63 = (real*)(all.scratch + row * (14 * all.H) + 10 * all.H);
    real* const at_kept_10 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const to_v72 = (real*)(all.scratch + row * (14 * all.H) + 12 * all.H);
    V fold_65 = splat(0);
    V fold_67 = splat(0);
    V fold_74 = splat(0);
    V fold_76 = splat(0);
    each_vector(2 * all.H, [&](int64_t unit, auto count) {
      const V v56 = load(at_v56 + unit, count);
      const V v60 = load(at_v60 + unit, count);
      const V dv_ = v56 + v60;
      collect(sums + 4 * all.H + unit, dv_, count);
      collect(sums + 6 * all.H + unit, dv_, count);
      const V kept_21 = load(at_kept_21 + unit, count);
      const V dp_x = dv_ * kept_21;
      collect(sums + 2 * all.H + unit, dp_x, count);
      const V p_x = load(at_p_x + unit, count);
      const V v63 = dv_ * p_x;
      store(to_v63 + unit, v63, count);
      fold_65 = fold_65 + only((v63 * kept_21), count, 0);
      fold_67 = fold_67 + only(v63, count, 0);
      const V kept_10 = load(at_kept_10 + unit, count);
      const V dp_h = dv_ * kept_10;
      collect(sums + 0 + unit, dp_h, count);
      const V p_h = load(at_p_h + unit, count);
      const V v72 = dv_ * p_h;
      store(to_v72 + unit, v72, count);
      fold_74 = fold_74 + only((v72 * kept_10), count, 0);
      fold_76 = fold_76 + only(v72, count, 0);
    });
    const V v65 = splat(total(fold_65) / (real)(2 * all.H));
    const V v67 = splat(total(fold_67) / (real)(2 * all.H));
    const V v74 = splat(total(fold_74) / (real)(2 * all.H));
    const V v76 = splat(total(fold_76) / (real)(2 * all.H));
    real* const at_v63 = (real*)(all.scratch + row * (14 * all.H) + 10 * all.H);
    real* const at_kept_20 = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4) + 2 * all.H + 1);
    real* const to_dW_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H));
    real* const at_v72 = (real*)(all.scratch + row * (14 * all.H) + 12 * all.H);
    real* const at_kept_9_ = (real*)(all.kept + (step * all.B + row) * (7 * all.H + 4));
    real* const to_v79 = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H) + 3 * all.H);
    each_vector(2 * all.H, [&](int64_t unit, auto count) {
      const V kept_21 = load(at_kept_21 + unit, count);
      const V v63 = load(at_v63 + unit, count);
      const V kept_20 = splat(*at_kept_20);
      const V dW_x = ((v63 - v67) - (kept_21 * v65)) / kept_20;
      store(to_dW_x + unit, dW_x, count);
      const V kept_10 = load(at_kept_10 + unit, count);
      const V v72 = load(at_v72 + unit, count);
      const V kept_9_ = splat(*at_kept_9_);
      const V v79 = ((v72 - v76) - (kept_10 * v74)) / kept_9_;
      store(to_v79 + unit, v79, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H, 2 * all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H) + 5 * all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (6 * all.H) + 3 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_v23 = (real*)(all.scratch + row * (14 * all.H) + all.H);
      real* const at_v20 = (real*)(all.scratch + row * (14 * all.H));
      real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v23 = load(at_v23 + unit, count);
      const V v20 = load(at_v20 + unit, count);
      const V dh_prev_ = (v23 * v20) + result[0];
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
}
