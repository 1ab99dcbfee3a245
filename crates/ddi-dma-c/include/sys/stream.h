/*
 * STREAMS.
 *
 * Left out: all of it but the names of its types, so that structures that point at them compile.
 */
#ifndef DDI_DMA_SYS_STREAM_H
#define DDI_DMA_SYS_STREAM_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct datab;
struct module_info;
struct msgb;
struct qinit;
struct queue;
struct streamtab;

typedef struct datab dblk_t;
typedef struct msgb mblk_t;
typedef struct queue queue_t;

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_STREAM_H */
