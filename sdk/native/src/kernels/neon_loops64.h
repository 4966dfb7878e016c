/* The counting loops of neon.c for 64-bit ARM.
 *
 *   v0-v3    filters of one word, 16 channels    v4-v11   words of four pixels, each in all lanes
 *   v12-v15  temporary                           v16-v31  counts, byte by byte: v16-v19 of the first pixel, ...
 */
#define COUNT(word, a, b, c, d)                    \
  "eor v12.16b, v0.16b, " word ".16b\n\t"          \
  "eor v13.16b, v1.16b, " word ".16b\n\t"          \
  "eor v14.16b, v2.16b, " word ".16b\n\t"          \
  "eor v15.16b, v3.16b, " word ".16b\n\t"          \
  "cnt v12.16b, v12.16b\n\t"                       \
  "cnt v13.16b, v13.16b\n\t"                       \
  "cnt v14.16b, v14.16b\n\t"                       \
  "cnt v15.16b, v15.16b\n\t"                       \
  "add " a ".16b, " a ".16b, v12.16b\n\t"          \
  "add " b ".16b, " b ".16b, v13.16b\n\t"          \
  "add " c ".16b, " c ".16b, v14.16b\n\t"          \
  "add " d ".16b, " d ".16b, v15.16b\n\t"
#define COUNT_PIXEL0(word) COUNT(word, "v16", "v17", "v18", "v19")
#define COUNT_PIXEL1(word) COUNT(word, "v20", "v21", "v22", "v23")
#define COUNT_PIXEL2(word) COUNT(word, "v24", "v25", "v26", "v27")
#define COUNT_PIXEL3(word) COUNT(word, "v28", "v29", "v30", "v31")

#define LOAD_DISTANCE "ldrsw %[distance], [%[next]], #4\n\t"
#define LOAD_FILTERS "ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [%[filter]], #64\n\t"
#define LOAD_UNIT(a, b, pixel) "ld2r {" a ".4s, " b ".4s}, [%[" pixel "]], %[distance]\n\t"
#define LOAD_SINGLE(a, pixel) "ld1r {" a ".4s}, [%[" pixel "]], %[distance]\n\t"

#define COUNT_UNIT           \
  LOAD_DISTANCE                      \
  LOAD_FILTERS                   \
  LOAD_UNIT("v4", "v5", "pixel0") \
  LOAD_UNIT("v6", "v7", "pixel1") \
  COUNT_PIXEL0("v4")             \
  LOAD_UNIT("v8", "v9", "pixel2") \
  COUNT_PIXEL1("v6")             \
  LOAD_UNIT("v10", "v11", "pixel3") \
  COUNT_PIXEL2("v8")             \
  COUNT_PIXEL3("v10")            \
  LOAD_FILTERS                   \
  COUNT_PIXEL0("v5")             \
  COUNT_PIXEL1("v7")             \
  COUNT_PIXEL2("v9")             \
  COUNT_PIXEL3("v11")

#define COUNT_SINGLE       \
  LOAD_DISTANCE                    \
  LOAD_FILTERS                 \
  LOAD_SINGLE("v4", "pixel0")  \
  LOAD_SINGLE("v5", "pixel1")  \
  COUNT_PIXEL0("v4")           \
  LOAD_SINGLE("v6", "pixel2")  \
  COUNT_PIXEL1("v5")           \
  LOAD_SINGLE("v7", "pixel3")  \
  COUNT_PIXEL2("v6")           \
  COUNT_PIXEL3("v7")

#define CLEAR(n) "movi v" #n ".16b, #0\n\t"
#define PAIRS(n) "uaddlp v" #n ".8h, v" #n ".16b\n\t"
#define ADD_TO_PIXEL(a, b, c, d)                              \
  "ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [%[counts]]\n\t"         \
  "uadalp v0.4s, v" #a ".8h\n\t"                              \
  "uadalp v1.4s, v" #b ".8h\n\t"                              \
  "uadalp v2.4s, v" #c ".8h\n\t"                              \
  "uadalp v3.4s, v" #d ".8h\n\t"                              \
  "st1 {v0.4s, v1.4s, v2.4s, v3.4s}, [%[counts]], #64\n\t"
#define EACH_COUNT(F) F(16) F(17) F(18) F(19) F(20) F(21) F(22) F(23) F(24) F(25) F(26) F(27) F(28) F(29) F(30) F(31)
#define ADD_COUNTS \
  EACH_COUNT(PAIRS) ADD_TO_PIXEL(16, 17, 18, 19) ADD_TO_PIXEL(20, 21, 22, 23) ADD_TO_PIXEL(24, 25, 26, 27) \
  ADD_TO_PIXEL(28, 29, 30, 31)
#define BRANCH_EQUAL "b.eq "
#define BRANCH_HIGHER "b.hi "
#define BRANCH_UNEQUAL "b.ne "

#define PIXELS(pixel)                                                                                                 \
  [pixel0] "+r"((pixel)[0]), [pixel1] "+r"((pixel)[1]), [pixel2] "+r"((pixel)[2]), \
      [pixel3] "+r"((pixel)[3])
#define VECTOR_REGISTERS                                                                                           \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",     \
      "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"
