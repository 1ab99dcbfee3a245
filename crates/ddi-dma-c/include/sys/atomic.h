/*
 * Operations that other processors see whole (atomic_add(9F), atomic_cas(9F)), and barriers (membar_ops(9F)).
 *
 * Every operation but the barriers is sequentially consistent. Left out: atomic_set_long_excl(9F) and its counterpart.
 */
#ifndef DDI_DMA_SYS_ATOMIC_H
#define DDI_DMA_SYS_ATOMIC_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One type's operations. `NAME` ends their names, `DELTA` is what can be added. Those in _nv return the new value. */
#define DDI_DMA_ATOMIC_(NAME, TYPE, DELTA) \
    static inline TYPE atomic_add_##NAME##_nv(volatile TYPE *target, DELTA delta) \
    { \
        return (__atomic_add_fetch(target, (TYPE)delta, __ATOMIC_SEQ_CST)); \
    } \
    static inline void atomic_add_##NAME(volatile TYPE *target, DELTA delta) \
    { \
        (void)__atomic_add_fetch(target, (TYPE)delta, __ATOMIC_SEQ_CST); \
    } \
    static inline TYPE atomic_or_##NAME##_nv(volatile TYPE *target, TYPE bits) \
    { \
        return (__atomic_or_fetch(target, bits, __ATOMIC_SEQ_CST)); \
    } \
    static inline void atomic_or_##NAME(volatile TYPE *target, TYPE bits) \
    { \
        (void)__atomic_or_fetch(target, bits, __ATOMIC_SEQ_CST); \
    } \
    static inline TYPE atomic_and_##NAME##_nv(volatile TYPE *target, TYPE bits) \
    { \
        return (__atomic_and_fetch(target, bits, __ATOMIC_SEQ_CST)); \
    } \
    static inline void atomic_and_##NAME(volatile TYPE *target, TYPE bits) \
    { \
        (void)__atomic_and_fetch(target, bits, __ATOMIC_SEQ_CST); \
    } \
    DDI_DMA_ATOMIC_INC_(NAME, TYPE) \
    DDI_DMA_ATOMIC_CAS_(NAME, TYPE)

#define DDI_DMA_ATOMIC_INC_(NAME, TYPE) \
    static inline TYPE atomic_inc_##NAME##_nv(volatile TYPE *target) \
    { \
        return (__atomic_add_fetch(target, (TYPE)1, __ATOMIC_SEQ_CST)); \
    } \
    static inline void atomic_inc_##NAME(volatile TYPE *target) \
    { \
        (void)__atomic_add_fetch(target, (TYPE)1, __ATOMIC_SEQ_CST); \
    } \
    static inline TYPE atomic_dec_##NAME##_nv(volatile TYPE *target) \
    { \
        return (__atomic_sub_fetch(target, (TYPE)1, __ATOMIC_SEQ_CST)); \
    } \
    static inline void atomic_dec_##NAME(volatile TYPE *target) \
    { \
        (void)__atomic_sub_fetch(target, (TYPE)1, __ATOMIC_SEQ_CST); \
    }

/* They return the old value. */
#define DDI_DMA_ATOMIC_CAS_(NAME, TYPE) \
    static inline TYPE atomic_cas_##NAME(volatile TYPE *target, TYPE compare, TYPE with) \
    { \
        (void)__atomic_compare_exchange_n(target, &compare, with, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return (compare); \
    } \
    static inline TYPE atomic_swap_##NAME(volatile TYPE *target, TYPE with) \
    { \
        return (__atomic_exchange_n(target, with, __ATOMIC_SEQ_CST)); \
    }

DDI_DMA_ATOMIC_(8, uint8_t, int8_t)
DDI_DMA_ATOMIC_(uchar, uchar_t, signed char)
DDI_DMA_ATOMIC_(16, uint16_t, int16_t)
DDI_DMA_ATOMIC_(ushort, ushort_t, short)
DDI_DMA_ATOMIC_(32, uint32_t, int32_t)
DDI_DMA_ATOMIC_(uint, uint_t, int)
DDI_DMA_ATOMIC_(64, uint64_t, int64_t)
DDI_DMA_ATOMIC_(ulong, ulong_t, long)

#undef DDI_DMA_ATOMIC_
#undef DDI_DMA_ATOMIC_INC_
#undef DDI_DMA_ATOMIC_CAS_

/* The same for a pointer, to whatever it points. It returns the old one. */
static inline void *atomic_cas_ptr(volatile void *target, void *compare, void *with)
{
    (void)__atomic_compare_exchange_n((void *volatile *)target, &compare, with, 0, __ATOMIC_SEQ_CST,
        __ATOMIC_SEQ_CST);
    return (compare);
}

static inline void *atomic_swap_ptr(volatile void *target, void *with)
{
    return (__atomic_exchange_n((void *volatile *)target, with, __ATOMIC_SEQ_CST));
}

/* Nothing after a lock was taken moves before that, nothing before it is released after that. */
static inline void membar_enter(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void membar_exit(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Stores before it are seen before stores after it. */
static inline void membar_producer(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Loads before it are done before loads after it. */
static inline void membar_consumer(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_ATOMIC_H */
