/*
 * Assertions. VERIFY and its kind are always checked, ASSERT and its kind where DEBUG is defined. One that does not
 * hold ends the process with a message that shows its text, and for those of two sides their values.
 *
 * Where ASSERT is not checked its operands are not evaluated; they are still compiled, so that a variable that nothing
 * else reads is no unused one. What an assertion names must therefore be there without DEBUG too.
 */
#ifndef DDI_DMA_SYS_DEBUG_H
#define DDI_DMA_SYS_DEBUG_H

#include <sys/ccompile.h>
#include <sys/isa_defs.h>
#include <sys/note.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* They do not return. */
extern int assfail(const char *expression, const char *file, int line);
extern void assfail3(const char *expression, uintmax_t left, const char *op, uintmax_t right, const char *file,
    int line);

#define VERIFY(EX) ((void)((EX) || assfail(#EX, __FILE__, __LINE__)))

#define DDI_DMA_VERIFY3(LEFT, OP, RIGHT, TYPE, TEXT, OP_TEXT) \
    do { \
        const TYPE ddi_dma_left_ = (TYPE)(LEFT); \
        const TYPE ddi_dma_right_ = (TYPE)(RIGHT); \
        if (!(ddi_dma_left_ OP ddi_dma_right_)) \
            assfail3(TEXT, (uintmax_t)ddi_dma_left_, OP_TEXT, (uintmax_t)ddi_dma_right_, __FILE__, __LINE__); \
    } while (0)

#define VERIFY3B(LEFT, OP, RIGHT) \
    DDI_DMA_VERIFY3(LEFT, OP, RIGHT, boolean_t, #LEFT " " #OP " " #RIGHT, #OP)
#define VERIFY3S(LEFT, OP, RIGHT) \
    DDI_DMA_VERIFY3(LEFT, OP, RIGHT, int64_t, #LEFT " " #OP " " #RIGHT, #OP)
#define VERIFY3U(LEFT, OP, RIGHT) \
    DDI_DMA_VERIFY3(LEFT, OP, RIGHT, uint64_t, #LEFT " " #OP " " #RIGHT, #OP)
#define VERIFY3P(LEFT, OP, RIGHT) \
    DDI_DMA_VERIFY3(LEFT, OP, RIGHT, uintptr_t, #LEFT " " #OP " " #RIGHT, #OP)
#define VERIFY0(X) DDI_DMA_VERIFY3(X, ==, 0, uintmax_t, #X " == 0", "==")
#define VERIFY0P(X) DDI_DMA_VERIFY3(X, ==, 0, uintptr_t, #X " == NULL", "==")

#ifdef DEBUG
#define ASSERT(EX) VERIFY(EX)
#define ASSERT3B(LEFT, OP, RIGHT) VERIFY3B(LEFT, OP, RIGHT)
#define ASSERT3S(LEFT, OP, RIGHT) VERIFY3S(LEFT, OP, RIGHT)
#define ASSERT3U(LEFT, OP, RIGHT) VERIFY3U(LEFT, OP, RIGHT)
#define ASSERT3P(LEFT, OP, RIGHT) VERIFY3P(LEFT, OP, RIGHT)
#define ASSERT0(X) VERIFY0(X)
#define ASSERT0P(X) VERIFY0P(X)
#define IMPLY(A, B) \
    ((void)((!(A)) || (B) || assfail("(" #A ") implies (" #B ")", __FILE__, __LINE__)))
#define EQUIV(A, B) \
    ((void)((!(A) == !(B)) || assfail("(" #A ") is equivalent to (" #B ")", __FILE__, __LINE__)))
#else
#define DDI_DMA_NOT_CHECKED(STATEMENT) \
    do { \
        if (0) \
            STATEMENT; \
    } while (0)
#define ASSERT(EX) ((void)(0 && (EX)))
#define ASSERT3B(LEFT, OP, RIGHT) DDI_DMA_NOT_CHECKED(VERIFY3B(LEFT, OP, RIGHT))
#define ASSERT3S(LEFT, OP, RIGHT) DDI_DMA_NOT_CHECKED(VERIFY3S(LEFT, OP, RIGHT))
#define ASSERT3U(LEFT, OP, RIGHT) DDI_DMA_NOT_CHECKED(VERIFY3U(LEFT, OP, RIGHT))
#define ASSERT3P(LEFT, OP, RIGHT) DDI_DMA_NOT_CHECKED(VERIFY3P(LEFT, OP, RIGHT))
#define ASSERT0(X) DDI_DMA_NOT_CHECKED(VERIFY0(X))
#define ASSERT0P(X) DDI_DMA_NOT_CHECKED(VERIFY0P(X))
#define IMPLY(A, B) ((void)(0 && (!(A) || (B))))
#define EQUIV(A, B) ((void)(0 && (!(A) == !(B))))
#endif

/* For machines of one word size only; these have 64 bits. */
#define ASSERT64(EX) ASSERT(EX)
#define ASSERT32(EX)

/* What the compiler can decide. */
#ifndef CTASSERT
#ifdef __cplusplus
#define CTASSERT(EX) static_assert(EX, #EX)
#else
#define CTASSERT(EX) _Static_assert(EX, #EX)
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DEBUG_H */
