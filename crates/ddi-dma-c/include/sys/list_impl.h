/* What a list is made of. Drivers name the two types, and leave the members alone. */
#ifndef DDI_DMA_SYS_LIST_IMPL_H
#define DDI_DMA_SYS_LIST_IMPL_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct list_node {
    struct list_node *list_next;
    struct list_node *list_prev;
};

struct list {
    size_t list_size;
    size_t list_offset;
    struct list_node list_head;
};

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_LIST_IMPL_H */
